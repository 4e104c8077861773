//! Functions of the embedding program that scripts call.

use crate::base::failure::{Failure, Kind};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// A function that scripts can call: an async closure with up to four parameters that returns a `Result`.
/// Parameters are read by serde, and so is the result written. An error becomes an error of the script, with the
/// error's own message.
///
/// ```
/// async fn find(id: &str) -> Result<String, std::io::Error> {
///     Ok(format!("order {id}"))
/// }
///
/// let kaizen = kaizen::Runtime::builder()
///     .in_memory()
///     .function("lookup_order", "Finds an order by its number.", |id: String| async move {
///         find(&id).await
///     })
///     .build()?;
/// # Ok::<(), kaizen::Error>(())
/// ```
pub trait Function<Parameters>: Send + Sync + 'static {
    /// How many parameters it has.
    #[doc(hidden)]
    const TAKES: usize;

    /// Calls it.
    #[doc(hidden)]
    fn invoke(&self, values: Vec<Value>) -> BoxFuture<'static, Result<Value, String>>;
}

/// Reads the next argument.
fn argument<A: DeserializeOwned>(
    values: &mut impl Iterator<Item = Value>,
    number: usize,
) -> Result<A, String> {
    let value = values.next().unwrap_or_default();
    serde_json::from_value(value).map_err(|error| format!("argument {number}: {error}"))
}

macro_rules! function {
    ($takes:literal, $($name:ident $number:literal),*) => {
        impl<F, Fut, R, E, $($name),*> Function<($($name,)*)> for F
        where
            F: Fn($($name),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = Result<R, E>> + Send + 'static,
            R: Serialize,
            E: fmt::Display,
            $($name: DeserializeOwned,)*
        {
            const TAKES: usize = $takes;

            #[allow(non_snake_case, unused_mut, unused_variables, reason = "the macro covers no parameters too")]
            fn invoke(&self, values: Vec<Value>) -> BoxFuture<'static, Result<Value, String>> {
                let mut values = values.into_iter();
                $(let $name: $name = match argument(&mut values, $number) {
                    Ok(value) => value,
                    Err(reason) => return Box::pin(std::future::ready(Err(reason))),
                };)*

                let work = self($($name),*);
                Box::pin(async move {
                    let given = work.await.map_err(|error| error.to_string())?;
                    serde_json::to_value(given).map_err(|error| error.to_string())
                })
            }
        }
    };
}

function!(0,);
function!(1, A 1);
function!(2, A 1, B 2);
function!(3, A 1, B 2, C 3);
function!(4, A 1, B 2, C 3, D 4);

/// A function whose type is forgotten.
pub(super) type AnyFunction =
    Arc<dyn Fn(Vec<Value>) -> BoxFuture<'static, Result<Value, String>> + Send + Sync>;

/// Forgets the type of a function. What it does before its first wait happens where its future runs.
pub(super) fn forget<P: 'static>(function: impl Function<P>) -> AnyFunction {
    let function = Arc::new(function);
    Arc::new(move |values| {
        let function = function.clone();
        Box::pin(async move { function.invoke(values).await })
    })
}

/// Runs what belongs to the embedding program: on its own async runtime if the builder was used inside one, so
/// that its connections and timers work as everywhere in it; else on kaizen's thread.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller(Option<Handle>);

impl Caller {
    pub(super) fn here() -> Caller {
        Caller(Handle::try_current().ok())
    }

    /// Waits for a future of the program. The error is the message of its panic.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: BoxFuture<'static, T>,
    ) -> Result<T, String> {
        let Some(handle) = &self.0 else {
            let done = AssertUnwindSafe(work).catch_unwind().await;
            return done.map_err(|panic| panic_text(&*panic));
        };

        let mut task = CallerTask(handle.spawn(work));
        (&mut task.0).await.map_err(|error| match error.try_into_panic() {
            Ok(panic) => panic_text(&*panic),
            Err(_) => "the program's async runtime has shut down".to_owned(),
        })
    }

    /// Calls a function; its panic is a failure of this call and of nothing else.
    pub(super) async fn call(
        &self,
        name: &str,
        function: &AnyFunction,
        values: Vec<Value>,
    ) -> Result<Value, Failure> {
        let function = function.clone();
        // The function itself is called there too, since it may panic before it gives a future.
        let work = Box::pin(async move { function(values).await });

        match self.run(work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(message)) => Err(Failure::new(Kind::Failed, message)),
            Err(text) => Err(Failure::new(Kind::Panicked, format!("`{name}` panicked: {text}"))),
        }
    }
}

/// A task on the program's runtime that ends when nobody waits for it.
struct CallerTask<T>(JoinHandle<T>);

impl<T> Drop for CallerTask<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}
