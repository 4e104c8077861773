//! Asking people on the terminal what a script wants to know, beside what is drawn there.

use crate::cli::app::permissions::{LOOK, OpenQuestion, take_terminal};
use crate::cli::render::progress::Progress;
use crate::executor::lost::{AskLost, LostDecision};
use crate::executor::people::AskPerson;
use crate::flow::question::PersonQuestion;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Returns a way to ask whoever sits at the terminal. Questions are asked one after the other, while the
/// run continues.
pub(in crate::cli) fn person_asker(
    progress: Rc<RefCell<Progress>>,
    interrupted: Arc<AtomicBool>,
) -> AskPerson {
    Rc::new(move |pending| {
        let progress = progress.clone();
        let interrupted = interrupted.clone();

        Box::pin(async move {
            let _turn = take_terminal().await;
            let (before, prompt) = prompt(&pending.question);
            if !before.is_empty() {
                progress.borrow().say(&before);
            }

            loop {
                let mut open = OpenQuestion::open(progress.clone(), &prompt);
                let typed = line(&mut open, &interrupted).await;
                drop(open);

                // The terminal says nothing more: somebody else may answer later.
                if typed.is_empty() {
                    return None;
                }
                match pending.question.read(&typed) {
                    Ok(value) => return Some(value),
                    Err(reason) => progress.borrow().say(&reason),
                }
            }
        })
    })
}

/// Returns a way to ask people what becomes of an effect in doubt.
pub(in crate::cli) fn lost_asker(
    progress: Rc<RefCell<Progress>>,
    interrupted: Arc<AtomicBool>,
) -> AskLost {
    Rc::new(move |text| {
        let progress = progress.clone();
        let interrupted = interrupted.clone();

        Box::pin(async move {
            let _turn = take_terminal().await;
            let mut open = OpenQuestion::open(progress, &text);
            let typed = line(&mut open, &interrupted).await;

            match typed.trim().to_lowercase().as_str() {
                "r" | "repeat" => LostDecision::Repeat,
                "t" | "tell" => LostDecision::Tell,
                _ => LostDecision::Stop,
            }
        })
    })
}

/// Waits for the line that is typed. Whoever interrupts a run gives no answer.
async fn line(open: &mut OpenQuestion, interrupted: &AtomicBool) -> String {
    loop {
        if interrupted.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        match open.line() {
            Some(line) => return line,
            None => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Returns what is shown of a question: the lines before the last one, and the one that is typed behind.
pub(in crate::cli) fn prompt(question: &PersonQuestion) -> (String, String) {
    let text = question.text.trim_end();
    let (before, last) = text.rsplit_once('\n').unwrap_or(("", text));
    let choices = question.choices();
    let gap = if choices.is_empty() { "" } else { "  " };

    (before.to_owned(), format!("{last}{gap}{choices} > "))
}
