//! Calls of tools: their arguments are checked, a person agrees where that is needed, they run, and what
//! came of them is journaled. Who asks for them, a model or a script, is in `react.rs` and `question.rs`.

use crate::base::deadline::{Deadline, DeadlineGuard};
use crate::base::failpoint::Failpoint;
use crate::base::failure::{Failure, Kind};
use crate::base::json::{as_text, key_twice};
use crate::base::secret::{beginning, scrub};
use crate::base::spelling::nearest;
use crate::base::strand::Strand;
use crate::base::visible::without_invisible;
use crate::executor::Executor;
use crate::executor::attempt::Stop;
use crate::executor::lost::Repeat;
use crate::executor::turns::siblings::InOrder;
use crate::journal::event::{Event, Timer};
use crate::journal::inquiry::{Inquiry, Topic};
use crate::model::image::Image;
use crate::schema::Unfit;
use crate::session::scope::Scope;
use crate::session::tool::{CallContext, Deed, Effects, Tool, ToolOutput};
use crate::session::tool_clock::ToolClock;
use crate::store::StoreError;
use futures::future::{Either, select};
use serde_json::{Value, json};
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Most calls that run at once.
const AT_ONCE_MAX: usize = 16;
/// Deepest nesting of tools that call tools.
const DEPTH_MAX: u32 = 8;
/// Most bytes of an error that a model is told.
const ERROR_MAX: usize = 2 << 10;
/// Most bytes of a result that are journaled and that a script finds in a trace.
const KEPT_MAX: usize = 1 << 20;
/// Most characters of arguments that a message shows.
pub(super) const SHOWN_MAX: usize = 200;

/// A call that a model or a script asks for.
#[derive(Debug)]
pub(super) struct CallRequest {
    /// Its id in the conversation.
    pub(super) id: String,
    /// The name of the tool.
    pub(super) name: String,
    /// The arguments, or the text that is no JSON.
    pub(super) args: Result<Value, String>,
    pub(super) deed: Deed,
    /// The step of the model, from 1; 0 for a script.
    pub(super) step: u32,
    /// Why it is not made, if that is known already.
    pub(super) refusal: Option<Failure>,
}

/// What came of a call.
#[derive(Debug)]
pub(super) struct CallOutcome {
    pub(super) name: String,
    pub(super) args: Value,
    pub(super) result: Result<Value, Failure>,
    /// What the journal keeps of the result.
    pub(super) kept: Option<Value>,
    /// What the model is told.
    pub(super) text: String,
    /// The pictures that it is shown besides.
    pub(super) images: Vec<Image>,
    pub(super) took: Duration,
}

/// A call whose arguments have been looked at.
struct PreparedCall {
    request: CallRequest,
    /// None if there is no such tool.
    tool: Option<Rc<Tool>>,
    args: Value,
    mended: Vec<String>,
    refusal: Option<Failure>,
    approved: Option<bool>,
    /// The operation, on the strand of this call.
    scope: Rc<Scope>,
}

impl PreparedCall {
    /// Tells whether it may run beside others.
    fn may_run_beside(&self) -> bool {
        let is_read = |tool: &Rc<Tool>| tool.effects == Effects::Read;
        self.refusal.is_some() || self.tool.as_ref().is_some_and(is_read)
    }
}

impl Executor {
    /// Makes the calls of one reply, and returns what came of each, in the order of the calls. A call that
    /// fails stops no other one.
    pub(super) async fn make_calls(
        &self,
        scope: &Rc<Scope>,
        tools: &[Rc<Tool>],
        requests: Vec<CallRequest>,
    ) -> Result<Vec<CallOutcome>, Stop> {
        let group = scope.strand.group();
        let mut calls = Vec::with_capacity(requests.len());
        for (place, request) in requests.into_iter().enumerate() {
            let own = scope.on(&scope.strand.child(group, place));
            calls.push(prepare(own, tools, request));
        }

        // Everything is agreed on before anything happens.
        for call in &mut calls {
            self.approve(call).await?;
        }

        let mut outcomes = Vec::with_capacity(calls.len());
        let mut waiting = calls.into_iter().peekable();
        while let Some(first) = waiting.next() {
            let is_beside = first.may_run_beside();
            let mut beside = vec![first];
            while is_beside && let Some(next) = waiting.next_if(PreparedCall::may_run_beside) {
                beside.push(next);
            }

            let each = beside.into_iter().map(|call| self.make_call(call));
            let mut running = InOrder::new(each, AT_ONCE_MAX);
            while let Some(outcome) = running.next().await {
                outcomes.push(outcome?);
            }
        }

        Ok(outcomes)
    }

    /// Asks a person, if the tool wants that for these arguments. A call that is denied is not made.
    async fn approve(&self, call: &mut PreparedCall) -> Result<(), Stop> {
        let approval = call.tool.as_ref().and_then(|tool| tool.approval.clone());
        let Some(approval) = approval.filter(|_| call.refusal.is_none()) else { return Ok(()) };

        if let Some(when) = &approval.when {
            let own = call.scope.on(&call.scope.strand.next());
            match when(call.args.clone(), own).await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(failure) if failure.kind.stops_tools() => return Err(failure.into()),
                Err(failure) => {
                    call.refusal = Some(failure);
                    return Ok(());
                }
            }
        }

        let name = call.request.name.clone();
        let what = Inquiry::About(Topic::Approve, format!("{name} {}", call.args));
        let ask = async || (approval.ask)(name, call.args.clone()).await.map(Value::Bool);
        let strand = call.scope.strand.clone();
        let _stopped = call.scope.tool.as_ref().map(ToolClock::stop);
        let said = self
            .effect(&strand, (what, Repeat::Allowed), true.into(), async || Ok(()), ask)
            .await?;

        let is_approved = said == Value::Bool(true);
        call.approved = Some(is_approved);
        if !is_approved {
            let message = format!("this call of `{}` was not approved", call.request.name);
            call.refusal = Some(Failure::new(Kind::Permission, message));
        }
        Ok(())
    }

    /// Makes one call, or says why it is not made, and journals both.
    async fn make_call(&self, call: PreparedCall) -> Result<CallOutcome, Stop> {
        let flow = call.scope.flow;
        let op = call.scope.op;
        let deed = call.request.deed.clone();
        let args = kept(&call.args);
        let began = self.instant();
        self.note(&Event::ToolStarted {
            flow,
            op,
            deed: deed.clone(),
            tool: call.request.name.clone(),
            at: Some(call.scope.strand.address().clone()),
            args: args.clone(),
            step: call.request.step,
            mended: call.mended.clone(),
            effects: call.tool.as_ref().map(|tool| tool.effects),
            approved: call.approved,
        })?;
        self.failpoint(Failpoint::ToolBegins);

        let given = match (&call.tool, &call.refusal) {
            (_, Some(refusal)) => Err(refusal.clone()),
            (None, None) => Err(unknown(&call.request.name, &[])),
            (Some(tool), None) => self.run_tool(tool, &call).await?,
        };
        self.failpoint(Failpoint::ToolDone);

        let result_max = call.tool.as_ref().map_or(ERROR_MAX, |tool| tool.result_max);
        let told = text_for_model(&given, result_max);
        let kept_result = given.as_ref().ok().map(kept_of);
        let (result, images) = match given {
            Ok(given) => (Ok(given.value), given.images),
            Err(failure) => (Err(failure), Vec::new()),
        };
        let failure = result.as_ref().err().cloned();
        self.note(&Event::ToolEnded {
            flow,
            op,
            deed,
            result: kept_result.clone(),
            failure: failure.clone(),
            bytes: told.bytes,
            cut: told.is_cut,
        })?;

        // Denied is not the same as forbidden: the model is told, and may go another way.
        let is_denied = call.approved == Some(false);
        if let Some(failure) = failure.filter(|failure| failure.kind.stops_tools() && !is_denied) {
            return Err(failure.into());
        }
        Ok(CallOutcome {
            name: call.request.name,
            args,
            result,
            kept: kept_result,
            text: told.text,
            images,
            took: passed(began, self.instant()),
        })
    }

    /// Runs a tool within its time.
    async fn run_tool(
        &self,
        tool: &Tool,
        call: &PreparedCall,
    ) -> Result<Result<ToolOutput, Failure>, Stop> {
        let outer = &call.scope;
        let bounded = Deadline::begin(self.real_limit(tool.timeout), outer.deadline.clone());
        let due = self.age().saturating_add(tool.timeout);
        let clock = ToolClock::begin(due, outer.tool.clone());
        let scope = Scope {
            deadline: Some(bounded.deadline()),
            tool: Some(clock.clone()),
            ..(**outer).clone()
        };

        let own = CallContext {
            scope: Rc::new(scope),
            id: call.request.id.clone(),
            key: key(self.worker().0.as_str(), &call.request.deed),
            deed: call.request.deed.clone(),
            step: call.request.step,
        };
        let work = (tool.run)(call.args.clone(), own);

        let done = self.within_own_time(&outer.strand, &clock, &bounded, work).await?;
        Ok(done.unwrap_or_else(|| {
            let millis = tool.timeout.as_millis();
            let message = format!("`{}` timed out after {millis} ms", tool.name);
            Err(Failure::new(Kind::Timeout, message))
        }))
    }

    /// Waits for the work of a tool, but no longer than its own time: `None` if it was not done by then.
    async fn within_own_time<F: Future>(
        &self,
        strand: &Strand,
        clock: &ToolClock,
        bounded: &DeadlineGuard,
        work: F,
    ) -> Result<Option<F::Output>, StoreError> {
        let mut work = pin!(work);
        loop {
            let left = clock.due().saturating_sub(self.age());
            bounded.restart(self.real_limit(left));
            {
                let stops = pin!(clock.changed(true));
                let timer = pin!(self.pass(strand, Timer::ToolLimit, left));
                match select(select(work.as_mut(), stops), timer).await {
                    Either::Left((Either::Left((value, _)), _)) => return Ok(Some(value)),
                    Either::Left((Either::Right(_), _)) => {}
                    Either::Right((passed, _)) => return passed.map(|()| None),
                }
            }

            let from = self.age();
            bounded.stop();
            let goes_on = pin!(clock.changed(false));
            if let Either::Left((value, _)) = select(work.as_mut(), goes_on).await {
                return Ok(Some(value));
            }
            clock.postpone(self.age().saturating_sub(from));
        }
    }

    /// Calls a tool on behalf of an operation. What goes wrong is a failure of the tool.
    pub(super) async fn act_within(
        &self,
        scope: &Rc<Scope>,
        tool: &Rc<Tool>,
        args: Value,
    ) -> Result<Value, Stop> {
        let request = CallRequest {
            id: tool.name.clone(),
            name: tool.name.clone(),
            deed: deed_of_script(&scope.strand, &tool.name, &args),
            args: Ok(args),
            step: 0,
            refusal: None,
        };
        let mut outcomes =
            self.make_calls(scope, std::slice::from_ref(tool), vec![request]).await?;
        let Some(outcome) = outcomes.pop() else { return Ok(Value::Null) };

        match outcome.result {
            Ok(value) => Ok(value),
            // The script sees that it was denied, or that it is in doubt.
            Err(failure) if matches!(failure.kind, Kind::Permission | Kind::Unsure) => {
                Err(failure.into())
            }
            Err(failure) => Err(failure_of_tool(&outcome.name, outcome.args, failure).into()),
        }
    }
}

/// Says that a tool failed, and by what.
pub(super) fn failure_of_tool(tool: &str, args: Value, by: Failure) -> Failure {
    let message = format!("tool `{tool}`: {}", by.message);
    let mut failure = Failure::new(Kind::Tool, message).caused_by(Some(&by));
    failure.retryable = by.retryable;
    failure.tries = by.tries;
    failure.retry_after_ms = by.retry_after_ms;
    failure.place.clone_from(&by.place);
    failure.frames.clone_from(&by.frames);
    failure.thrown.clone_from(&by.thrown);

    let detail = failure.detail_mut();
    detail.tool = Some(tool.into());
    detail.args = Some(args);
    if let Some(inner) = by.detail {
        detail.problems = inner.problems;
    }
    failure
}

/// Looks at a call: whether there is such a tool, and whether it takes these arguments.
fn prepare(scope: Rc<Scope>, tools: &[Rc<Tool>], mut request: CallRequest) -> PreparedCall {
    let tool = tools.iter().find(|tool| tool.name == request.name).cloned();
    let too_deep = scope.depth() >= DEPTH_MAX;
    let mut refusal = request.refusal.take();

    if refusal.is_none() && too_deep {
        let message = format!("tool calls are nested more than {DEPTH_MAX} deep");
        refusal = Some(Failure::new(Kind::Arguments, message));
    }
    if refusal.is_none() && tool.is_none() {
        let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
        refusal = Some(unknown(&request.name, &names));
    }

    let raw = match &request.args {
        Ok(args) => args.clone(),
        Err(text) => Value::String(text.clone()),
    };
    let read = match (&tool, &request.args) {
        (Some(tool), Ok(args)) => arguments(tool, args),
        (_, Err(text)) => Err(unreadable(text)),
        (None, Ok(args)) => Ok((args.clone(), Vec::new())),
    };
    let (args, mended) = match read {
        Ok(read) => read,
        Err(failure) => {
            refusal.get_or_insert(failure);
            (raw, Vec::new())
        }
    };
    PreparedCall { request, tool, args, mended, refusal, approved: None, scope }
}

/// Reads the arguments of a call by the schema of its tool, mended where that is possible.
fn arguments(tool: &Tool, args: &Value) -> Result<(Value, Vec<String>), Failure> {
    let is_nothing = args.is_null() || args.as_str().is_some_and(|text| text.trim().is_empty());
    let args = if is_nothing { json!({}) } else { args.clone() };

    match tool.schema.fit(args) {
        Ok(found) => Ok((found.value, found.mended)),
        Err(unfit) => Err(misfit(&tool.name, unfit)),
    }
}

fn misfit(tool: &str, unfit: Unfit) -> Failure {
    let problems = unfit.problems();
    let each: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let each = each.join("; ");
    let message = format!("the arguments of `{tool}` do not match its schema: {each}");

    let mut failure = Failure::new(Kind::Arguments, message);
    failure.detail_mut().problems = problems;
    failure
}

fn unreadable(text: &str) -> Failure {
    let shown = beginning(text, SHOWN_MAX);
    let message = match key_twice(text) {
        Some(key) => {
            let key = beginning(&key, SHOWN_MAX);
            format!("the arguments have the key `{key}` twice, with different values: {shown}")
        }
        None => format!("the arguments are not JSON: {shown}"),
    };
    Failure::new(Kind::Arguments, message)
}

/// Says that there is no such tool, and which there are.
fn unknown(name: &str, known: &[&str]) -> Failure {
    let shown = beginning(name, SHOWN_MAX);
    let near = nearest(name, known.iter().copied());
    let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let message = format!("there is no tool `{shown}`{near}; the tools are {}", known.join(", "));
    Failure::new(Kind::NotFound, message)
}

/// Returns what a call that a script makes is known by.
fn deed_of_script(strand: &Strand, tool: &str, args: &Value) -> Deed {
    let text = format!("{tool} {}", canonical(args));
    let hash = blake3::hash(text.as_bytes()).to_hex();
    let what = hash[..32].to_owned();
    let at = strand.count(&("act", &what));
    Deed(format!("{what}:{at}"))
}

/// Returns a value as text in which the order of properties does not matter.
pub(super) fn canonical(value: &Value) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    value.to_string()
}

/// Returns the key of a call: the same when its run is resumed, and another one in every new run.
fn key(run: &str, deed: &Deed) -> String {
    let hash = blake3::hash(format!("{run} {deed}").as_bytes()).to_hex();
    hash[..32].to_owned()
}

fn passed(from: Instant, to: Instant) -> Duration {
    to.saturating_duration_since(from)
}

/// What a model is told of a call.
struct ToldText {
    text: String,
    /// The bytes of the whole result.
    bytes: u64,
    is_cut: bool,
}

fn text_for_model(given: &Result<ToolOutput, Failure>, result_max: usize) -> ToldText {
    let whole = match given {
        Ok(ToolOutput { text: Some(text), .. }) => text.clone(),
        Ok(ToolOutput { value, .. }) => as_text(value),
        Err(failure) => {
            let text =
                scrub(&format!("error ({}): {}", failure.kind, failure.message)).into_owned();
            let text = shortened(&without_invisible(&text).0, ERROR_MAX).0;
            return ToldText { text, bytes: 0, is_cut: false };
        }
    };

    let bytes = whole.len() as u64;
    let scrubbed = scrub(&whole);
    let (clean, _) = without_invisible(&scrubbed);
    let (text, is_cut) = shortened(&clean, result_max);
    ToldText { text, bytes, is_cut }
}

/// Returns what is journaled of what a tool gave: of pictures, what they are.
fn kept_of(given: &ToolOutput) -> Value {
    if given.images.is_empty() || !given.value["images"].is_array() {
        return kept(&given.value);
    }
    let mut value = given.value.clone();
    value["images"] = json!(given.images);
    kept(&value)
}

/// Returns what is journaled of a value. Secrets are taken out before it is cut: of a part of one, nobody
/// would know it.
fn kept(value: &Value) -> Value {
    let text = as_text(value);
    if text.len() <= KEPT_MAX {
        return value.clone();
    }

    Value::String(shortened(&scrub(&text), KEPT_MAX).0)
}

/// Cuts a text that is too long: three quarters of what may stay are its beginning, and a quarter its
/// end. Tells whether it was cut.
pub(super) fn shortened(text: &str, bytes_max: usize) -> (String, bool) {
    if text.len() <= bytes_max {
        return (text.to_owned(), false);
    }

    let tail = bytes_max / 4;
    let head = bytes_max - tail;
    let head = text.floor_char_boundary(head);
    let from = text.ceil_char_boundary(text.len() - tail);

    let left_out = from - head;
    let text = format!("{}\n[.. {left_out} bytes left out ..]\n{}", &text[..head], &text[from..]);
    (text, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_result_loses_its_middle_between_characters() {
        assert_eq!(shortened("abc", 3), ("abc".to_owned(), false));
        let (text, is_cut) = shortened(&"äöü€".repeat(10), 16);
        assert!(is_cut);
        assert_eq!(text, "äöü€ä\n[.. 76 bytes left out ..]\n€");
        assert_eq!(shortened("äöü", 0).0, "\n[.. 6 bytes left out ..]\n");
    }

    #[test]
    fn the_order_of_properties_is_no_difference() {
        let one = json!({ "b": [1, { "d": 2, "c": null }], "a": "x" });
        let other = json!({ "a": "x", "b": [1, { "c": null, "d": 2 }] });
        assert_eq!(canonical(&one), canonical(&other));
        assert_eq!(canonical(&one), r#"{"a":"x","b":[1,{"c":null,"d":2}]}"#);
        assert_ne!(canonical(&json!([1, 2])), canonical(&json!([2, 1])));
    }

    #[test]
    fn an_unknown_tool_is_told_with_those_that_there_are() {
        let message = unknown("ad", &["add", "search"]).message;
        assert_eq!(
            message,
            "there is no tool `ad`; did you mean `add`?; the tools are `add`, `search`"
        );
    }

    #[test]
    fn a_key_is_of_a_run_and_a_deed() {
        let deed = |text: &str| Deed(text.to_owned());
        let keys = [key("r1", &deed("a")), key("r1", &deed("b")), key("r2", &deed("a"))];
        assert_eq!(keys[0], key("r1", &deed("a")));
        assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
    }
}
