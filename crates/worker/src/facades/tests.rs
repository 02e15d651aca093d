//! The façades name what is there, and nobody else names anything of the Python half.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

const FACADES: &[&Names] = &[
    &arrow::ArrayStock::NAMES,
    &arrow::ArrowStock::NAMES,
    &arrow::Reader::NAMES,
    &child::Child::NAMES,
    &conversion::ConversionModule::NAMES,
    &conversion::Stock::NAMES,
    &frames::Frames::NAMES,
    &frames::FramesModule::NAMES,
    &frames::PandasClasses::NAMES,
    &grouped_agg::GroupedAggTask::NAMES,
    &grouped_agg_arrow::GroupedAggArrowTask::NAMES,
    &grouped_map::CogroupedMapTask::NAMES,
    &grouped_map::GroupedMapModule::NAMES,
    &grouped_map::GroupedMapTask::NAMES,
    &hook::Hook::NAMES,
    &lazy::Lazy::NAMES,
    &lines::Lines::NAMES,
    &notes::Notes::NAMES,
    &record::Record::NAMES,
    &record::SelfTest::NAMES,
    &scalar::ScalarIterTask::NAMES,
    &scalar::ScalarTask::NAMES,
    &sent_along::SentAlong::NAMES,
    &task_parts::ColumnUdf::NAMES,
    &verify::Verifier::NAMES,
    &verify::Verify::NAMES,
    &zip_imports::ZipImports::NAMES,
    &zones::Zones::NAMES,
];

/// Names of attributes and methods that are called by string: CPython's, NumPy's, pandas' and pyarrow's.
const FOREIGN: &[&str] = &[
    "Array",
    "BytesIO",
    "Series",
    "WNOHANG",
    "_codes",
    "_data",
    "_export_to_c",
    "_id",
    "_import_from_c",
    "_mask",
    "_ndarray",
    "_pa_array",
    "_values",
    "allocate_buffer",
    "as_py",
    "cached",
    "cast",
    "categories",
    "chunk",
    "close",
    "code",
    "collect",
    "column",
    "columns",
    "disable",
    "empty",
    "enable",
    "equals",
    "errno",
    "excepthook",
    "find_spec",
    "flags",
    "flatten",
    "flush",
    "foreign_buffer",
    "fork",
    "freeze",
    "from_batches",
    "from_buffers",
    "getcwd",
    "id",
    "iloc",
    "isenabled",
    "large_string",
    "loader",
    "main",
    "modules",
    "name",
    "num_chunks",
    "origin",
    "parent",
    "path",
    "py_buffer",
    "pyarrow",
    "read_record_batch",
    "read_schema",
    "remove_metadata",
    "repeat",
    "reshape",
    "ru_maxrss",
    "schema",
    "to_batches",
    "to_numpy",
    "type",
    "types",
    "tz",
    "wait4",
    "waitstatus_to_exitcode",
    "write",
    "writeable",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|suffix| suffix == "rs") {
            found.push(path);
        }
    }
}

/// The names that a piece of code calls by string.
fn called(code: &str) -> Vec<String> {
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.flat_map(|line| [line, " "]).collect();
    let mut names = Vec::new();
    for call in [
        "getattr(",
        "getattr_opt(",
        "call_method0(",
        "call_method1(",
        "call_method(",
        "intern!(",
    ] {
        for rest in code.split(call).skip(1) {
            let argument = if call == "intern!(" {
                rest.split_once(", ").map_or("", |(_, text)| text)
            } else {
                rest
            };
            let literal = argument.trim_start().strip_prefix('"');
            names.extend(
                literal
                    .and_then(|text| text.split_once('"'))
                    .map(|(name, _)| name.to_owned()),
            );
        }
    }
    names
}

/// Whether a line of Python gives something this name, in a module or a class whose lines start with `indent`.
fn defines(line: &str, indent: &str, name: &str) -> bool {
    let Some(line) = line.strip_prefix(indent) else {
        return false;
    };
    let line = line
        .trim_start()
        .strip_prefix("self.")
        .or_else(|| (!line.starts_with(' ')).then_some(line));
    let Some(line) = line else {
        return false;
    };
    let rest = ["def ", "class ", ""]
        .iter()
        .find_map(|word| line.strip_prefix(word)?.strip_prefix(name));
    rest.is_some_and(|rest| rest.starts_with(['(', ':']) || rest.starts_with(" = "))
}

/// The lines of a class and of those that it inherits from in the same file.
fn lines_of_class<'a>(module: &'a str, class: &str) -> Vec<&'a str> {
    let head = format!("class {class}");
    let is_head = |line: &&str| {
        line.strip_prefix(&head)
            .is_some_and(|rest| rest.starts_with(['(', ':']))
    };
    let Some(start) = module.lines().position(|line| is_head(&line)) else {
        return Vec::new();
    };
    let mut lines: Vec<&str> = module
        .lines()
        .skip(start + 1)
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .collect();
    let base = module
        .lines()
        .nth(start)
        .and_then(|line| line.split_once('(')?.1.split_once(')'));
    if let Some((base, _)) = base {
        lines.extend(lines_of_class(module, base));
    }
    lines
}

#[test]
fn what_a_facade_names_is_there() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../python/bowstring");
    for Names {
        module,
        class,
        members,
    } in FACADES
    {
        let file = package.join(format!("{}.py", module.replace('.', "/")));
        let text = fs::read_to_string(&file).unwrap();
        let (lines, indent) = if class.is_empty() {
            (text.lines().collect(), "")
        } else {
            (lines_of_class(&text, class), "    ")
        };
        for member in *members {
            let found = lines.iter().any(|line| defines(line, indent, member));
            assert!(found, "{module}: {class} has no {member}");
        }
    }
}

#[test]
fn every_facade_is_compared() {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/facades"),
        &mut files,
    );
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let made: usize = texts
        .map(|text| {
            text.lines()
                .filter(|line| ["facade! {", "module! {"].contains(line))
                .count()
        })
        .sum();
    assert_eq!(made, FACADES.len());
}

#[test]
fn nothing_of_the_python_half_is_called_by_string() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&folder, &mut files);
    let mut used = Vec::new();
    for file in files {
        let place = file.strip_prefix(&folder).unwrap().display().to_string();
        // What starts the package is not in it.
        if place.starts_with("facades/") || place == "package.rs" {
            continue;
        }
        let code = fs::read_to_string(&file).unwrap();
        let imports = ["package::import", "import(\"_bowstring"];
        assert!(
            !imports.iter().any(|import| code.contains(import)),
            "{place}"
        );
        for name in called(&code) {
            assert!(FOREIGN.contains(&name.as_str()), "{place}: {name}");
            used.push(name);
        }
    }
    let unused: Vec<_> = FOREIGN
        .iter()
        .filter(|name| !used.iter().any(|other| other == *name))
        .collect();
    assert_eq!(unused, [&""; 0]);
}

#[test]
fn a_call_by_string_is_seen() {
    let code = "x.call_method1(intern!(py, \"batches\"), (y,))?\n    .getattr(\n        \"rows\",\n // .getattr(\"z\")\n";
    assert_eq!(called(code), ["rows", "batches"]);
    let python = "class A(B):\n    x: int = 1\n\nclass B:\n    def y(self): ...\n        self.z = 1\n\nw = 1\n";
    let lines = lines_of_class(python, "A");
    for name in ["x", "y", "z"] {
        assert!(
            lines.iter().any(|line| defines(line, "    ", name)),
            "{name}"
        );
    }
    assert!(!lines.iter().any(|line| defines(line, "    ", "w")));
}
