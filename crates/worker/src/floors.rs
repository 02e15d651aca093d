//! The floors of this crate, held: `kinds` → `task` → `convert` → `facades`, and nothing runs back up.

use std::fs;
use std::path::{Path, PathBuf};

/// What the files of a folder may not name.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "facades",
        &["kinds", "task", "convert", "spark", "connection", "zygote"],
    ),
    (
        "convert",
        &[
            "kinds",
            "task",
            "spark",
            "connection",
            "zygote",
            "facades::verify",
        ],
    ),
    ("task", &["kinds", "spark", "zygote"]),
    (
        "kinds",
        // What surrounds the beats of a kind is the driver's.
        &[
            "spark",
            "zygote",
            "task::verifier",
            "task::group_label",
            "facades::verify",
            "facades::notes",
        ],
    ),
];

/// All source files below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|suffix| suffix == "rs") {
            found.push(path);
        }
    }
}

/// The paths in this crate that a line of code names, without their root.
fn named(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    code.split("crate::").skip(1)
}

/// Whether a path leads into this room.
fn leads_into(path: &str, room: &str) -> bool {
    let inside = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    path.strip_prefix(room).is_some_and(inside)
}

#[test]
fn nothing_runs_back_up() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (folder, forbidden) in FORBIDDEN {
        let mut found = Vec::new();
        files(&sources.join(folder), &mut found);
        assert!(!found.is_empty(), "{folder} has no files");
        for file in found {
            for line in fs::read_to_string(&file).unwrap().lines() {
                for path in named(line) {
                    let place = file.display();
                    // Otherwise a list of rooms could hide one.
                    assert!(!path.starts_with(['{', '*']), "{place}: {line}");
                    let room = forbidden.iter().find(|room| leads_into(path, room));
                    assert_eq!(room, None, "{place}: {line}");
                }
            }
        }
    }
}

#[test]
fn a_path_into_a_room_is_seen() {
    let paths: Vec<&str> = named("use crate::task::verifier::Verifier; // crate::kinds").collect();
    assert_eq!(paths, ["task::verifier::Verifier; "]);
    assert!(leads_into(paths[0], "task"));
    assert!(leads_into(paths[0], "task::verifier"));
    assert!(!leads_into(paths[0], "kinds"));
    assert!(!leads_into("tasks::other", "task"));
}
