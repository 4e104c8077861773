//! What was typed before, kept between sessions, but never with a secret in it.

use crate::base::credential::credentials;
use crate::base::secret::is_secret_name;
use crate::base::visible::shown_path;
use crate::base::{file as base_file, own};
use crate::cli::app::project::{raw_variable, variable};
use crate::model::registry::Models;
use crate::model::spec::KeyRef;
use std::io;
use std::path::{Path, PathBuf};

/// Shortest value that is looked for: anything shorter stands in innocent lines too.
const SECRET_MIN: usize = 8;

/// Values that must not be kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Collects the secrets of the environment and the keys that the models name.
    pub(super) fn collect(models: &Models) -> Secrets {
        let mut found: Vec<String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .flat_map(|(name, value)| {
                let mut found = credentials(&value);
                found.extend(is_secret_name(&name).then_some(value));
                found
            })
            .collect();

        for (_, spec) in models.aliases() {
            match &spec.key {
                Some(KeyRef::Env(name)) => found.extend(variable(name)),
                // A file that cannot be read holds no key that could be typed.
                Some(KeyRef::File(path)) => {
                    found.extend(base_file::read_text(std::path::Path::new(path)).ok());
                }
                Some(KeyRef::Nothing) | None => {}
            }
        }

        Secrets::of(found)
    }

    fn of(values: Vec<String>) -> Secrets {
        let values = values.into_iter().map(|value| value.trim().to_owned());
        Secrets(values.filter(|value| value.chars().count() >= SECRET_MIN).collect())
    }

    /// Tells whether a text contains a secret.
    pub(super) fn are_in(&self, text: &str) -> bool {
        self.0.iter().any(|secret| text.contains(secret))
    }
}

/// Finds the file that history is kept in, and makes it readable for its owner only.
pub(super) fn file() -> Result<PathBuf, String> {
    let state = own::user_folder(&raw_variable, "XDG_STATE_HOME", ".local/state")
        .ok_or_else(|| "the home folder is unknown".to_owned())?;
    let folder = state.join("kaizen");
    let file = folder.join("history");
    prepare(&folder, &file).map_err(|error| format!("`{}`: {error}", shown_path(&file)))?;
    Ok(file)
}

fn prepare(folder: &Path, file: &Path) -> io::Result<()> {
    own::make_folder(folder)?;
    drop(own::open(file)?);
    own::prepare(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn names_tell_secrets() {
        for name in [
            "OPENAI_API_KEY",
            "OPENAI_KEY1",
            "API_KEYS",
            "GH_TOKEN",
            "GH_TOKENS",
            "TOKEN",
            "aws_secret_access_key",
            "AWS_SECRETS",
            "DB_PASSWORD_2",
            "PGPASSWORD",
            "DB_PWD",
            "X_CREDENTIALS",
            "AUTH",
            "DB_PASS",
            "ACCESSTOKEN",
            "PRIVATEKEY",
            "ENCRYPTIONKEY",
            "SESSION_COOKIE",
            "JWT",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "KEYBOARD",
            "PATH",
            "PWD",
            "OLDPWD",
            "SSH_AUTH_SOCK",
            "MAX_TOKENS",
            "TOKENIZERS_PARALLELISM",
            "MONKEY",
            "AUTHOR",
            "HOTKEY",
            "PASSENGER",
            "BYPASS",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn a_line_with_a_secret_is_found() {
        let secrets = Secrets::of(vec!["sk-123456789\n".into(), "short".into()]);
        assert!(secrets.are_in("let key = \"sk-123456789\";"));
        assert!(!secrets.are_in("short"));
    }

    #[test]
    fn the_file_is_for_its_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let (folder, file) = (folder.path().join("a/b"), folder.path().join("a/b/history"));
        prepare(&folder, &file).expect("a file");
        let mode = |path: &PathBuf| std::fs::metadata(path).expect("a file").permissions().mode();
        assert_eq!((mode(&folder) & 0o777, mode(&file) & 0o777), (0o700, 0o600));
    }
}
