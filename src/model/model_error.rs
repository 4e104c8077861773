//! What is wrong with the name or the description of a model.

/// A model that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Neither an alias nor `provider/name`.
    #[error("unknown model `{name}`; {help}")]
    Unknown {
        /// The name.
        name: String,
        /// What may be meant.
        help: String,
    },
    /// A name without a provider.
    #[error(
        "`{name}` does not name a provider; write `provider/name`, such as `openai/gpt-4o-mini`"
    )]
    NoProvider {
        /// The name.
        name: String,
    },
    /// No provider of that name.
    #[error("unknown provider `{provider}`; {help}")]
    UnknownProvider {
        /// The provider.
        provider: String,
        /// What may be meant.
        help: String,
    },
    /// Something is set up, but not enough to know a model that answers by default.
    #[error("{found} is set, but {wanted} is not, so there is no default model; {help}")]
    NoDefault {
        /// The variable that is set.
        found: &'static str,
        /// What is missing.
        wanted: &'static str,
        /// What to do.
        help: String,
    },
    /// A description that names no model.
    #[error("a model needs `use = \"provider/name\"`, or `provider` and `model`")]
    Incomplete,
    /// A key that nobody knows.
    #[error("a model has no `{key}`{help}")]
    UnknownKey {
        /// The key.
        key: String,
        /// What may be meant.
        help: String,
    },
    /// A value of the wrong kind.
    #[error("`{key}` must be {wanted}, not `{found}`")]
    WrongValue {
        /// The key.
        key: String,
        /// What is allowed.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
    /// A setting of its calls that cannot be.
    #[error(transparent)]
    Setting(#[from] crate::model::request::SettingError),
    /// A secret in plain sight.
    #[error("`key` never holds the key itself; write `key = \"env:NAME\"` or `\"file:PATH\"`")]
    LiteralKey,
    /// An address that is none.
    #[error(
        "invalid server address `{url}`: expected a form such as `http://127.0.0.1:8080/v1`, without \
         password, `?` and `#`"
    )]
    BadUrl {
        /// The address.
        url: String,
    },
}

impl ModelError {
    /// Returns what is wrong, and apart from it what may be meant, where that is known.
    pub fn parts(&self) -> (String, Option<&str>) {
        match self {
            ModelError::Unknown { name, help } => (format!("unknown model `{name}`"), Some(help)),
            ModelError::UnknownProvider { provider, help } => {
                (format!("unknown provider `{provider}`"), Some(help))
            }
            other => (other.to_string(), None),
        }
    }
}
