//! `--help`, `docs/settings.md`, the README and the code have the same settings.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use bowstring_link::settings::{ALL, Setting};

fn document(name: &str) -> io::Result<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name))
}

/// The rows of tables whose first cell is one of our variables.
fn rows(document: &str) -> Vec<&str> {
    document
        .lines()
        .filter(|line| line.starts_with("| `BOWSTRING_"))
        .collect()
}

fn default(setting: &Setting) -> String {
    match setting.default {
        "" => String::new(),
        default => format!("`{default}`"),
    }
}

#[test]
fn the_page_of_settings_is_the_table() {
    let expected = ALL.map(|setting| {
        let (name, effect, allowed) = (setting.name, setting.effect, setting.values.allowed());
        format!(
            "| `{name}` | {} | {allowed} | {effect} |",
            default(&setting)
        )
    });
    let expected: Vec<_> = expected
        .iter()
        .map(|row| row.replace(" |  | ", " | | "))
        .collect();
    assert_eq!(rows(&document("docs/settings.md").unwrap()), expected);
}

#[test]
fn the_readme_has_five_of_them() {
    let page = document("README.md").unwrap();
    let found = rows(&page);
    assert_eq!(found.len(), 5);
    for setting in ALL {
        let (name, effect) = (setting.name, setting.effect);
        let expected =
            format!("| `{name}` | {} | {effect} |", default(&setting)).replace(" |  | ", " | | ");
        if let Some(row) = found.iter().find(|row| row.contains(&format!("`{name}`"))) {
            assert_eq!(*row, expected);
        }
    }
    let known: BTreeSet<_> = ALL.iter().map(|setting| setting.name).collect();
    for row in found {
        let name = row.split('`').nth(1).unwrap();
        assert!(known.contains(name), "{name}");
    }
}

#[test]
fn help_has_all_of_them_in_lines_of_a_terminals_width() {
    let program = env!("CARGO_BIN_EXE_bowstring");
    let output = Command::new(program).arg("--help").output().unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(
        help.lines().all(|line| line.chars().count() <= 100),
        "{help}"
    );
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for setting in ALL {
        let (name, effect, allowed) = (setting.name, setting.effect, setting.values.allowed());
        let text = match setting.default {
            "" => format!("{name} {effect} [{allowed}]"),
            default => format!("{name} {effect} [{allowed}; default {default}]"),
        };
        assert!(words.contains(&text), "{text}\nis not in\n{help}");
    }
    assert_eq!(
        help.lines()
            .filter(|line| line.starts_with("  BOWSTRING_"))
            .count(),
        ALL.len()
    );
}

/// What the code reads, or names for its user, is in the table.
#[test]
fn the_code_reads_no_other() {
    let known: BTreeSet<_> = ALL.iter().map(|setting| setting.name.to_owned()).collect();
    // The build script's, and those of tests.
    let others = [
        "BOWSTRING_PYTHON_VERSION",
        "BOWSTRING_PYTHON_EXECUTABLE",
        "BOWSTRING_TEST_PYTHON",
    ];
    let mut read = BTreeSet::new();
    let mut folders = ["src", "crates", "python"]
        .map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(name))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|end| end == "rs" || end == "py")
            {
                let text = fs::read_to_string(&path).unwrap();
                for (start, _) in text.match_indices("BOWSTRING_") {
                    let name = text[start..]
                        .chars()
                        .take_while(|&c| c == '_' || c.is_ascii_uppercase());
                    read.insert(name.collect::<String>());
                }
            }
        }
    }
    read.retain(|name| name != "BOWSTRING_" && !others.contains(&name.as_str()));
    assert_eq!(read, known);
}
