use super::*;
use crate::mcp::spec::ServerSpec;
use crate::model::spec::{ModelSpec, keys as model_keys};
use crate::script::OPERATIONS_MAX;
use serde_json::json;

#[test]
fn every_example_and_default_fits_its_key() {
    for entry in SETTINGS {
        assert!(entry.kind.fits(&value_of(entry.example)), "{}", entry.name());
        if let Fallback::Value(text) = entry.default {
            assert!(entry.kind.fits(&value_of(text)), "{}", entry.name());
        }
    }

    let operations = find("limits.operations").expect("a key").default;
    assert_eq!(operations, Fallback::Value("1_000_000_000"));
    assert_eq!(value_of("1_000_000_000"), json!(OPERATIONS_MAX));
    assert_eq!(crate::base::secret::LENGTH_MIN, 8);
    assert_eq!(crate::executor::retry::ATTEMPTS_MAX, 3);
}

#[test]
fn the_table_of_models_has_what_is_read_and_nothing_else() {
    let told: Vec<&str> = MODEL_SETTINGS.iter().map(|(key, ..)| *key).collect();
    assert_eq!(told, model_keys(true));

    for (key, _, _, example, _) in MODEL_SETTINGS {
        let name = match *key {
            "latency_ms" | "error_rate" | "cost" | "replies" => "demo/x",
            _ => "openai/x",
        };
        let mut spec = Map::from_iter([("use".to_owned(), json!(name))]);
        if *key == "model" {
            spec = Map::from_iter([("provider".to_owned(), json!("openai"))]);
        } else if *key == "provider" {
            spec = Map::from_iter([("model".to_owned(), json!("m"))]);
        }
        spec.insert((*key).to_owned(), value_of(example));
        let read = ModelSpec::from_map(&spec);
        assert!(read.is_ok(), "{key}: {read:?}");
    }
}

#[test]
fn the_table_of_servers_has_what_is_read_and_nothing_else() {
    let told: Vec<&str> = SERVER_SETTINGS.iter().map(|(key, ..)| *key).collect();
    assert_eq!(told, crate::mcp::spec::KEYS);

    for (key, _, _, example, _) in SERVER_SETTINGS {
        let reach = match *key {
            "url" | "key" => ("url", "\"https://a.example/mcp\""),
            _ => ("command", "[\"a\"]"),
        };
        let mut spec = Map::from_iter([(reach.0.to_owned(), value_of(reach.1))]);
        spec.insert((*key).to_owned(), value_of(example));
        let read = ServerSpec::from_map("files", &spec);
        assert!(read.is_ok(), "{key}: {read:?}");
    }

    let usual = ServerSpec::from_map("a", &Map::from_iter([("url".into(), json!("http://a/"))]));
    let usual = usual.expect("a sound description");
    let default = |key: &str| {
        let entry = SERVER_SETTINGS.iter().find(|(name, ..)| *name == key).expect("a key");
        value_of(entry.2)
    };
    let is_default = |key: &str, time: std::time::Duration| {
        let millis = default(key).as_u64().expect("a number");
        assert_eq!(std::time::Duration::from_millis(millis), time, "{key}");
    };
    is_default("timeout_ms", usual.timeout);
    is_default("start_timeout_ms", usual.start_timeout);
}

#[test]
fn the_written_reference_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/kaizen-toml.md");
    let text = markdown();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &text).expect("the reference is written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == text,
        "docs/kaizen-toml.md is old: `UPDATE=1 cargo test settings` writes it"
    );
}

/// Writes the reference as a page.
fn markdown() -> String {
    use std::fmt::Write as _;

    let mut text = "# kaizen.toml\n\n\
        The settings of a project. All keys are optional; an unknown key is an error. Your own defaults for \
        all projects are in `~/.config/kaizen/config.toml`, and the project's file overrides them. \
        `kaizen doc kaizen.toml [KEY]` shows this page in a terminal, and `kaizen config show --origin` \
        shows which settings apply.\n\n\
        Editors that support JSON Schema can complete and check the file. Write the schema with `kaizen config \
        schema > kaizen.schema.json`, and begin kaizen.toml with `#:schema ./kaizen.schema.json` (Even \
        Better TOML in VS Code, Taplo elsewhere).\n\n\
        Written by `UPDATE=1 cargo test settings`.\n"
        .to_owned();
    let mut section = String::new();
    for doc in reference() {
        let (own, key) = doc.name.rsplit_once('.').expect("a section");
        if own != section {
            let _ = write!(text, "\n## [{own}]\n");
            own.clone_into(&mut section);
        }
        let _ = write!(
            text,
            "\n### {key}\n\n{}\n\n- type: {}\n- default: {}\n\n```toml\n{}\n```\n",
            doc.meaning, doc.kind, doc.default, doc.example
        );
    }
    text
}
