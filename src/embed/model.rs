//! Models that the embedding program answers for.

use crate::embed::function::Caller;
use crate::model::call_error::CallError;
use crate::model::limiter::ServerLimits;
use crate::model::message::{Message, Role};
use crate::model::price::Price;
use crate::model::provider::simulated::SimulatedModel;
use crate::model::reply::{
    CallFault, Finish, Reply as ModelReply, ReplyContent, Usage, rough_tokens,
};
use crate::model::request::{Request as ModelRequest, Settings};
use crate::model::tool::ToolCall;
use futures::future::BoxFuture;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A model that the embedding program answers for.
///
/// ```
/// use kaizen::{Model, Reply, Request, Runtime};
///
/// struct Echo;
///
/// impl Model for Echo {
///     async fn reply(
///         &self,
///         request: Request,
///     ) -> Result<Reply, Box<dyn std::error::Error + Send + Sync>> {
///         Ok(Reply::text(request.prompt()).tokens(12, 12))
///     }
/// }
///
/// let kaizen = Runtime::builder().in_memory().model("fast", Echo).build()?;
/// # Ok::<(), kaizen::Error>(())
/// ```
pub trait Model: Send + Sync + 'static {
    /// Answers a request. A call that fails may be made again.
    fn reply(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Reply, Box<dyn std::error::Error + Send + Sync>>> + Send;

    /// Returns the price of a million tokens in dollars, input and output. A budget with a maximum cost needs it.
    fn price(&self) -> Option<(f64, f64)> {
        None
    }
}

/// What a model is asked.
#[derive(Debug, Clone)]
pub struct Request {
    messages: Vec<(&'static str, String)>,
    schema: Option<Value>,
    max_tokens: Option<u32>,
    whole: Value,
}

impl Request {
    fn new(asked: &ModelRequest) -> Request {
        let message = |message: &Message| (message.role.word(), message.content.clone());
        Request {
            messages: asked.messages.iter().map(message).collect(),
            schema: asked.schema.clone(),
            max_tokens: asked.settings.max_tokens,
            whole: serde_json::to_value(asked).expect("a request is plain data"),
        }
    }

    /// Returns the newest message.
    pub fn prompt(&self) -> &str {
        self.messages.last().map_or("", |(_, text)| text)
    }

    /// Returns the conversation, the newest message last, each with its role: "system", "user", "assistant" or
    /// "tool".
    pub fn messages(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.messages.iter().map(|(role, text)| (*role, text.as_str()))
    }

    /// Returns the standing instruction, if there is one.
    pub fn system(&self) -> Option<&str> {
        let system = Role::System.word();
        self.messages().find(|(role, _)| *role == system).map(|(_, text)| text)
    }

    /// Returns the JSON schema that the reply must follow, if there is one.
    pub fn schema(&self) -> Option<&Value> {
        self.schema.as_ref()
    }

    /// Returns the maximum number of tokens of the reply, if it is limited.
    pub fn max_tokens(&self) -> Option<u32> {
        self.max_tokens
    }

    /// Returns the whole request as JSON, with settings, tools, and earlier calls of tools.
    pub fn to_json(&self) -> &Value {
        &self.whole
    }
}

/// What a model answers.
///
/// ```
/// use kaizen::Reply;
///
/// let reply = Reply::text("4").tokens(20, 1);
/// let call = Reply::text("").call("refund", serde_json::json!({ "order": "17" }));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Reply {
    text: String,
    calls: Vec<(String, Value)>,
    usage: Option<(u64, u64)>,
}

impl Reply {
    /// Creates a reply.
    pub fn text(text: impl Into<String>) -> Reply {
        Reply { text: text.into(), ..Reply::default() }
    }

    /// Adds a call of a tool that the request offers.
    #[must_use]
    pub fn call(mut self, tool: &str, args: Value) -> Reply {
        self.calls.push((tool.to_owned(), args));
        self
    }

    /// Says how many tokens were read and written. Otherwise, both are estimated from the texts.
    #[must_use]
    pub fn tokens(self, input: u64, output: u64) -> Reply {
        Reply { usage: Some((input, output)), ..self }
    }

    fn into_reply(self, request: &ModelRequest) -> ModelReply {
        let Reply { text, calls, usage } = self;
        let estimate = || (request.rough_tokens(), rough_tokens(text.len() as u64));
        let (input, output) = usage.unwrap_or_else(estimate);

        let finish = if calls.is_empty() { Finish::Stop } else { Finish::Calls };
        let calls = calls.into_iter().map(|(name, args)| ToolCall::new("", name, args)).collect();
        ModelReply {
            said: ReplyContent { text, calls, opaque: Vec::new() },
            finish: Some(finish),
            usage: Some(Usage {
                input_uncached: input,
                output_visible: output,
                ..Usage::default()
            }),
            served_by: None,
        }
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Reply {
        Reply::text(text)
    }
}

/// Where a model comes from: one that the program answers for, a name such as `openai/gpt-4o-mini`, or a
/// description with the keys of `[models.NAME]` in kaizen.toml, as JSON.
///
/// ```
/// let kaizen = kaizen::Runtime::builder()
///     .in_memory()
///     .model("fast", "demo/echo")
///     .model("slow", serde_json::json!({ "use": "demo/echo", "latency_ms": 200 }))
///     .build()?;
/// # Ok::<(), kaizen::Error>(())
/// ```
#[derive(Clone)]
pub struct ModelSource(pub(super) SourceKind);

#[derive(Clone)]
pub(super) enum SourceKind {
    Own(Arc<dyn AnyModel>),
    Named(String),
    Described(Value),
}

impl fmt::Debug for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            SourceKind::Own(_) => f.write_str("Own"),
            SourceKind::Named(name) => f.debug_tuple("Named").field(name).finish(),
            SourceKind::Described(spec) => f.debug_tuple("Described").field(spec).finish(),
        }
    }
}

impl<M: Model> From<M> for ModelSource {
    fn from(model: M) -> ModelSource {
        ModelSource(SourceKind::Own(Arc::new(model)))
    }
}

impl From<&str> for ModelSource {
    fn from(name: &str) -> ModelSource {
        ModelSource(SourceKind::Named(name.to_owned()))
    }
}

impl From<String> for ModelSource {
    fn from(name: String) -> ModelSource {
        ModelSource(SourceKind::Named(name))
    }
}

impl From<Value> for ModelSource {
    fn from(spec: Value) -> ModelSource {
        ModelSource(SourceKind::Described(spec))
    }
}

/// A model whose type is forgotten.
pub(super) trait AnyModel: Send + Sync {
    fn answer(self: Arc<Self>, request: Request) -> BoxFuture<'static, Result<Reply, BoxError>>;
    fn million(&self) -> Option<(f64, f64)>;
}

impl<M: Model> AnyModel for M {
    fn answer(self: Arc<Self>, request: Request) -> BoxFuture<'static, Result<Reply, BoxError>> {
        Box::pin(async move { self.reply(request).await })
    }

    fn million(&self) -> Option<(f64, f64)> {
        self.price()
    }
}

/// Makes a model of the program one of kaizen's, for one thread.
pub(super) fn own(name: &str, model: &Arc<dyn AnyModel>, caller: &Caller) -> crate::model::Model {
    let shared = (model.clone(), caller.clone());
    let speaker = SimulatedModel::new(move |request: &ModelRequest| {
        let (model, caller) = shared.clone();
        let request = request.clone();
        Box::pin(async move {
            let asked = Request::new(&request);
            let work =
                Box::pin(async move { model.answer(asked).await.map_err(|e| e.to_string()) });
            match caller.run(work).await {
                Ok(Ok(reply)) => Ok(reply.into_reply(&request)),
                Ok(Err(message)) | Err(message) => Err(CallFault::from(CallError::Network {
                    url: "the program".to_owned(),
                    message,
                })),
            }
        })
    });

    let price = model.million().map(|(input, output)| Price {
        input,
        output,
        cached: input,
        cache_write: input,
        as_of: String::new(),
    });
    let label = format!("own/{name}");
    crate::model::Model::simulated(
        &label,
        Settings::default(),
        ServerLimits::default(),
        price,
        speaker,
    )
}
