use super::*;
use crate::window::store::tests::Folder;

fn by_environment(value: Option<&str>) -> Result<StateSettings, ConfigError> {
    let variable = |name: &str| {
        let set = (name == "MONITORING_STATE").then_some(value);
        set.flatten().map(str::to_owned)
    };
    StateSettings::from_environment(&Environment(&variable))
}

fn checked(path: &str) -> Result<Option<StatePlace>, ConfigError> {
    let path = Some(PathBuf::from(path));
    let settings = StateSettings {
        path,
        ..StateSettings::default()
    };
    settings.checked()
}

#[test]
fn there_is_no_file_unless_one_is_set() {
    for value in [None, Some(""), Some("  ")] {
        let settings = by_environment(value).unwrap();
        assert_eq!(settings.path, None);
        assert_eq!(settings.checked(), Ok(None));
    }
}

#[test]
fn a_file_that_can_be_made_is_taken_from_the_variable_and_not_touched() {
    let folder = Folder::new("settings");
    let file = folder.file().display().to_string();
    let settings = by_environment(Some(&format!(" {file} "))).unwrap();
    let place = StatePlace {
        path: folder.file(),
        max_bytes: 16_777_216,
    };
    assert_eq!(settings.checked(), Ok(Some(place)));
    assert!(checked("state-of-the-current-folder").is_ok());
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_path_that_cannot_be_a_file_is_refused_by_its_name_and_value() {
    let folder = Folder::new("refused");
    fs::write(folder.file(), "a file").unwrap();
    let under = |path: &str| folder.0.join(path).display().to_string();
    let mut wrong = vec![
        (under(""), "a folder, expected the path of a file"),
        (under("gone/state"), "its folder does not exist"),
        (under("state/below"), "its folder does not exist"),
        ("..".into(), "a folder, expected the path of a file"),
    ];
    if cfg!(unix) {
        wrong.push(("/dev/null".into(), "not a regular file"));
    }
    for (path, reason) in &wrong {
        for (field, refused) in [
            ("state_file", checked(path).unwrap_err()),
            ("MONITORING_STATE", by_environment(Some(path)).unwrap_err()),
        ] {
            let found = (refused.field(), refused.value(), refused.reason());
            assert_eq!(found, (field, path.as_str(), *reason));
        }
    }
    for empty in ["", "  "] {
        let refused = checked(empty).unwrap_err();
        let found = (refused.field(), refused.value(), refused.reason());
        assert_eq!(found, ("state_file", empty, "expected the path of a file"));
    }
}

#[test]
fn a_size_that_cannot_work_is_refused() {
    let of = |max_bytes| {
        let path = Some("state".into());
        StateSettings { path, max_bytes }.checked()
    };
    for bytes in [65_536, 1_073_741_824] {
        assert!(of(bytes).is_ok(), "{bytes}");
    }
    for bytes in [0, 65_535, 1_073_741_825] {
        let refused = of(bytes).unwrap_err();
        let value = bytes.to_string();
        assert_eq!(
            (refused.field(), refused.value()),
            ("state_file_bytes", value.as_str())
        );
    }
}
