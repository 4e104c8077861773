//! `kaizen doc kaizen.toml`: the keys of the configuration, in the terminal.

use crate::base::spelling::nearest;
use crate::cli::app::exit::Exit;
use crate::cli::app::settings::{self, SettingDoc};
use crate::cli::command::doc::width;
use crate::cli::render::entry::wrap;
use crate::cli::{Global, print_data, print_line, say};
use serde_json::json;

/// What people type for the configuration in the place of a word.
pub(in crate::cli) const NAME: &str = "kaizen.toml";

/// Shows all keys, or those that are asked for.
pub(in crate::cli) fn show(global: &Global, asked: &str) -> Exit {
    let all = settings::reference();
    let names: Vec<&str> = all.iter().map(|doc| doc.name.as_str()).collect();

    let hits: Vec<&SettingDoc> = all.iter().filter(|doc| is_asked(&doc.name, asked)).collect();
    if hits.is_empty() {
        let near = nearest(asked, names.iter().copied());
        let near = near
            .or_else(|| nearest(asked, names.iter().filter_map(|name| name.rsplit('.').next())));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`kaizen doc {NAME}` lists all keys"),
        };
        say(&format!("error: {NAME} has no key `{asked}`; {help}"));
        return Exit::Failed;
    }

    if global.json {
        for doc in hits {
            print_data(json!({
                "key": doc.name, "type": doc.kind, "default": doc.default,
                "example": doc.example, "meaning": doc.meaning,
            }));
        }
    } else if let [only] = hits.as_slice() {
        print_line(&whole(only));
    } else {
        print_line(&list(&hits));
    }
    Exit::Ok
}

/// Tells whether a key is the one that is asked for, or of the section that is.
fn is_asked(name: &str, asked: &str) -> bool {
    let asked = asked.trim().trim_matches(['[', ']']);
    let (section, key) = name.rsplit_once('.').unwrap_or(("", name));
    let is_section = section == asked || section.split('.').next() == Some(asked);
    asked.is_empty() || name == asked || key == asked || is_section
}

fn whole(doc: &SettingDoc) -> String {
    let mut lines = vec![doc.name.clone()];
    lines.extend(
        wrap(doc.meaning, width().saturating_sub(2)).into_iter().map(|line| format!("  {line}")),
    );
    lines.push(format!("  type     {}", doc.kind));
    lines.push(format!("  default  {}", doc.default));
    lines.push(String::new());
    lines.extend(doc.example.lines().map(|line| format!("    {line}")));
    lines.join("\n")
}

/// Lists keys by their sections: each key, its default, and what it means.
fn list(docs: &[&SettingDoc]) -> String {
    let mut lines = Vec::new();
    let mut section = "";
    for doc in docs {
        let (own, key) = doc.name.rsplit_once('.').unwrap_or(("", &doc.name));
        if own != section {
            if !section.is_empty() {
                lines.push(String::new());
            }
            lines.push(format!("[{own}]"));
            section = own;
        }

        lines.push(format!("  {key} (default: {})", doc.default));
        let text = wrap(doc.meaning, width().saturating_sub(6));
        lines.extend(text.into_iter().map(|line| format!("      {line}")));
    }
    lines.join("\n")
}
