//! Takes secrets out of events: out of what scripts, models and the world have said, and of nothing
//! else. Numbers, ids and the words of the journal itself are no secrets, whatever they look like.

use crate::base::failure::{Failure, FailureDetail, Kind, Place};
use crate::base::secret::{clean, clean_fields, scrub, scrub_in, scrubbed};
use crate::flow::outcome::{Outcome, SkipReason};
use crate::flow::question::PersonQuestion;
use crate::journal::event::{ComparisonVerdict, Event, PlannedOp, PlannedOps, RunSources, Terms};
use crate::journal::waits::{PendingQuestion, Waits};
use std::collections::BTreeMap;

impl Event {
    /// Returns the event without secrets. A new field has to be told here whether it may hold one.
    #[must_use]
    pub fn without_secrets(self) -> Event {
        match self {
            Event::RunStarted {
                mut script,
                params,
                seed,
                program,
                resumes,
                what,
                reuse,
                mut terms,
            } => {
                scrub_in(&mut script);
                let params = clean_fields(params);
                clean_terms(&mut terms);

                Event::RunStarted { script, params, seed, program, resumes, what, reuse, terms }
            }
            effect @ (Event::EffectEnded { .. } | Event::EffectBegan { .. }) => effect_of(effect),
            Event::Asked { question } => Event::Asked { question: question_of(question) },
            Event::Answered { mut question, at, value } => {
                scrub_in(&mut question);
                Event::Answered { question, at, value: clean(value) }
            }
            Event::Suspended { waits } => Event::Suspended { waits: waits_of(waits) },
            passed @ (Event::TimePassed { .. }
            | Event::Tried { .. }
            | Event::SleepBegan { .. }
            | Event::Sealed { .. }) => passed,
            // Its key follows from what it holds without secrets.
            Event::RequestPart { key, part } => {
                Event::RequestPart { key, part: part.without_secrets() }
            }
            Event::FlowStarted { flow, mut name, ops, max_concurrent, within, at } => {
                scrub_in(&mut name);
                Event::FlowStarted { flow, name, ops: planned(&ops), max_concurrent, within, at }
            }
            Event::Expanded { flow, op, ops, group } => {
                Event::Expanded { flow, op, ops: planned(&ops), group }
            }
            Event::OpStarted { flow, op, mut name } => {
                name.iter_mut().for_each(scrub_in);
                Event::OpStarted { flow, op, name }
            }
            started @ Event::AttemptStarted { .. } => attempt_started(started),
            ended @ Event::AttemptEnded { .. } => attempt_ended(ended),
            Event::CallRefused { flow, op, key, at, failure } => {
                Event::CallRefused { flow, op, key, at, failure: failure_of(failure) }
            }
            started @ Event::ToolStarted { .. } => tool_started(started),
            ended @ Event::ToolEnded { .. } => tool_ended(ended),
            Event::OpEnded { flow, op, outcome } => {
                Event::OpEnded { flow, op, outcome: outcome_of(outcome) }
            }
            Event::FlowEnded { flow } => Event::FlowEnded { flow },
            Event::Logged { level, mut text } => {
                scrub_in(&mut text);
                Event::Logged { level, text }
            }
            Event::RunEnded { status, value, failure, mut comparisons, read } => {
                comparisons.iter_mut().for_each(clean_verdict);
                let value = clean(value);
                let failure = failure.map(failure_of);
                let read = with_clean_paths(read);
                Event::RunEnded { status, value, failure, comparisons, read }
            }
        }
    }
}

fn clean_terms(terms: &mut Terms) {
    terms.model.iter_mut().chain(&mut terms.fork_at).for_each(scrub_in);
    if let Some(sources) = &mut terms.sources {
        let RunSources { files, models } = sources;
        *files = with_clean_paths(std::mem::take(files));
        *models = clean_fields(std::mem::take(models));
    }
}

/// Takes secrets out of the paths of files.
fn with_clean_paths(hashes: BTreeMap<String, String>) -> BTreeMap<String, String> {
    hashes.into_iter().map(|(path, hash)| (scrubbed(path), hash)).collect()
}

fn clean_verdict(verdict: &mut ComparisonVerdict) {
    // All fields are named, so that a new one is looked at here as well.
    let ComparisonVerdict { task_type, reason, objective, figures } = verdict;
    for text in [task_type, reason, objective] {
        scrub_in(text);
    }
    *figures = clean(std::mem::take(figures));
}

fn waits_of(waits: Waits) -> Waits {
    let questions = waits.questions.into_iter().map(question_of).collect();
    Waits { questions, ..waits }
}

fn question_of(mut asked: PendingQuestion) -> PendingQuestion {
    // All fields are named, so that a new one is looked at here as well.
    let PendingQuestion { number: _, op, at: _, due: _, question } = &mut asked;
    let PersonQuestion { text, options, schema, default } = question;

    op.iter_mut().for_each(scrub_in);
    scrub_in(text);
    for value in options.iter_mut().chain(schema).chain(default) {
        *value = clean(std::mem::take(value));
    }
    asked
}

fn attempt_started(mut event: Event) -> Event {
    // All fields are named, so that a new one is looked at here as well.
    if let Event::AttemptStarted {
        flow: _,
        op: _,
        attempt: _,
        model,
        demo: _,
        prompt,
        history: _,
        newest: _,
        key: _,
        sample: _,
        at: _,
        before: _,
        terms: _,
        repair: _,
        step: _,
    } = &mut event
    {
        scrub_in(model);
        scrub_in(prompt);
    }

    event
}

fn attempt_ended(mut event: Event) -> Event {
    // All fields are named, so that a new one is looked at here as well.
    if let Event::AttemptEnded {
        flow: _,
        op: _,
        attempt: _,
        demo: _,
        reused: _,
        again: _,
        reply,
        cut: _,
        calls,
        opaque,
        usage: _,
        cost: _,
        served_by,
        failure,
        retry_in_ms: _,
        mended,
    } = &mut event
    {
        reply.iter_mut().for_each(scrub_in);
        *calls = calls.drain(..).map(|call| call.map_texts(&scrubbed)).collect();
        *opaque = opaque.drain(..).map(|part| part.map_texts(&scrubbed)).collect();
        mended.iter_mut().for_each(scrub_in);
        served_by.iter_mut().for_each(scrub_in);
        *failure = failure.take().map(failure_of);
    }

    event
}

fn effect_of(event: Event) -> Event {
    match event {
        Event::EffectEnded { what, value, at } => {
            Event::EffectEnded { what: what.without_secrets(), value: clean(value), at }
        }
        Event::EffectBegan { what, at } => Event::EffectBegan { what: what.without_secrets(), at },
        other => other,
    }
}

fn tool_started(mut event: Event) -> Event {
    // All fields are named, so that a new one is looked at here as well.
    if let Event::ToolStarted {
        flow: _,
        op: _,
        deed: _,
        tool,
        at: _,
        args,
        step: _,
        mended,
        effects: _,
        approved: _,
    } = &mut event
    {
        scrub_in(tool);
        *args = clean(args.take());
        mended.iter_mut().for_each(scrub_in);
    }

    event
}

fn tool_ended(mut event: Event) -> Event {
    // All fields are named, so that a new one is looked at here as well.
    if let Event::ToolEnded { flow: _, op: _, deed: _, result, failure, bytes: _, cut: _ } =
        &mut event
    {
        *result = result.take().map(clean);
        *failure = failure.take().map(failure_of);
    }

    event
}

fn planned(ops: &PlannedOps) -> PlannedOps {
    let clean = |PlannedOp { op, mut name, kind, after }| {
        scrub_in(&mut name);
        PlannedOp { op, name, kind, after }
    };
    ops.iter().cloned().map(clean).collect::<Vec<_>>().into()
}

fn outcome_of(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Completed { value } => Outcome::Completed { value: clean(value) },
        Outcome::Failed { failure } => Outcome::Failed { failure: failure_of(failure) },
        Outcome::Skipped { mut reason } => {
            match &mut reason {
                SkipReason::Failed { op }
                | SkipReason::Cancelled { op }
                | SkipReason::Condition { op }
                | SkipReason::Gate { op } => scrub_in(op),
            }

            Outcome::Skipped { reason }
        }
        Outcome::Cancelled => Outcome::Cancelled,
    }
}

fn failure_of(failure: Failure) -> Failure {
    // All fields are named, so that a new one is looked at here as well.
    let Failure {
        mut kind,
        mut message,
        retryable,
        mut cause,
        tries,
        retry_after_ms,
        status,
        mut op,
        place,
        mut frames,
        thrown,
        mut detail,
    } = failure;

    for kind in [Some(&mut kind), cause.as_deref_mut()].into_iter().flatten() {
        if let Kind::Own(word) = kind {
            *word = scrub(word).into();
        }
    }

    scrub_in(&mut message);
    op.iter_mut().for_each(scrub_in);
    frames.iter_mut().for_each(scrub_in);
    let place = place.map(|Place { mut file, line, column }| {
        scrub_in(&mut file);
        Place { file, line, column }
    });
    let thrown = thrown.map(clean);
    if let Some(detail) = detail.as_deref_mut() {
        detail_without_secrets(detail);
    }

    Failure {
        kind,
        message,
        retryable,
        cause,
        tries,
        retry_after_ms,
        status,
        op,
        place,
        frames,
        thrown,
        detail,
    }
}

fn detail_without_secrets(detail: &mut FailureDetail) {
    let FailureDetail { partial, problems, repairs: _, tool, args, steps: _, key: _, undone: _ } =
        detail;

    *partial = partial.take().map(|text| scrub(&text).into());
    *tool = tool.take().map(|name| scrub(&name).into());
    *args = args.take().map(clean);
    for problem in problems {
        scrub_in(&mut problem.path);
        scrub_in(&mut problem.message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::{FlowId, OpId, RunId};
    use crate::base::secret::Secret;
    use crate::base::unit::Money;
    use crate::journal::inquiry::{Inquiry, Topic};
    use crate::journal::key::Key;
    use crate::model::reply::Usage;
    use serde_json::{Value, json};

    #[test]
    fn ids_and_numbers_are_no_secrets_whatever_they_look_like() {
        let run = "1canaryrun0001";
        let digits = "0123456789abcdef0123456789abcdef";
        let key: Key = serde_json::from_value(json!(digits)).expect("a key");
        for secret in [run, digits, "14142135", "a canary in a text"] {
            drop(Secret::new(secret));
        }

        let started = Event::AttemptStarted {
            flow: FlowId(14_142_135),
            op: OpId(14_142_135),
            attempt: 14_142_135,
            model: "openai/m-14142135".to_owned(),
            demo: false,
            prompt: format!("a canary in a text, {digits}"),
            history: 14_142_135,
            newest: None,
            key: Some(key),
            sample: 14_142_135,
            at: None,
            before: None,
            terms: None,
            repair: false,
            step: 0,
        };

        let ended = Event::AttemptEnded {
            flow: FlowId(1),
            op: OpId(1),
            attempt: 1,
            demo: false,
            again: false,
            reused: Some(RunId(run.to_owned())),
            reply: Some(format!("answered by {run}")),
            cut: false,
            calls: Vec::new(),
            opaque: Vec::new(),
            usage: Some(Usage { input_uncached: 14_142_135, ..Usage::default() }),
            cost: Money::from_dollars(0.014_142_135),
            served_by: Some("14142135".to_owned()),
            failure: Some(Failure::new(Kind::Server, "14142135 errors")),
            retry_in_ms: Some(14_142_135),
            mended: Vec::new(),
        };

        let cleaned = |event: Event| json!(event.without_secrets());
        assert_eq!(
            cleaned(started),
            json!({
                "kind": "attempt_started", "flow": 14_142_135, "op": 14_142_135,
                "attempt": 14_142_135, "model": "openai/m-[secret]",
                "prompt": "[secret], [secret]", "history": 14_142_135, "key": digits,
                "sample": 14_142_135,
            })
        );

        let found = cleaned(ended.clone());
        let cost = json!(ended)["cost"].clone();
        assert_eq!(
            [&found["reused"], &found["reply"], &found["cost"], &found["served_by"]],
            [&json!(run), &json!("answered by [secret]"), &cost, &json!("[secret]")]
        );
        assert_eq!(found["failure"]["message"], "[secret] errors");
        assert_eq!(
            serde_json::from_value::<Event>(found).expect("an event").kind(),
            "attempt_ended"
        );

        let value = json!({ "14142135": 14_142_135 });
        let told = Event::EffectEnded { what: Inquiry::Bare(Topic::Now), value, at: None };
        assert_eq!(cleaned(told)["value"], json!({ "[secret]": 14_142_135 }));
        assert_eq!(cleaned(Event::FlowEnded { flow: FlowId(1) })["flow"], Value::from(1));
    }
}
