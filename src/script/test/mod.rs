//! Tests: functions named `test_..` of a script, each called by itself, and the snapshots that they
//! compare values with.

pub use crate::script::check::test_functions::{FILE_END, PREFIX};
pub use crate::script::host::snapshot::{Test, test_of};

use crate::base::deadline::Deadline;
use crate::script::host::tasks::Task;
use crate::script::lexer::definition;
use crate::script::program::{Host, Program, ScriptError};
use rhai::{CallFnOptions, Scope};
use std::rc::Rc;
use std::time::Duration;

/// One test as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFunction {
    /// The name of the function.
    pub name: String,
    /// Where it is defined, from 1.
    pub line: usize,
}

impl Program {
    /// Returns its tests in the order of the text.
    pub fn tests(&self) -> Vec<TestFunction> {
        let functions = self.ast.iter_functions().filter(|f| f.name.starts_with(PREFIX));
        let mut found: Vec<TestFunction> = functions
            .map(|function| {
                let line = definition(&self.text, function.name).map_or(1, |(line, _)| line);
                TestFunction { name: function.name.to_owned(), line: usize::from(line) }
            })
            .collect();

        found.sort_by(|a, b| (a.line, &a.name).cmp(&(b.line, &b.name)));
        found
    }
}

impl Host {
    /// Calls one test, after everything that stands outside of the functions. What is not done
    /// within `limit` is stopped.
    pub async fn test(
        &self,
        program: &Program,
        test: Rc<Test>,
        limit: Duration,
    ) -> Result<(), ScriptError> {
        let name = test.name.clone();
        self.inner.test.replace(Some(test));

        let engine = self.engine.clone();
        let ast = program.ast.clone();
        let function = move || {
            let options = CallFnOptions::new().eval_ast(true);
            engine.call_fn_with_options(options, &mut Scope::new(), &ast, &name, ())
        };

        // Waiting is given up from outside; computing ends by itself.
        let bounded = Deadline::begin(limit, None);
        let task = Task { deadline: Some(bounded.deadline()), ..Task::default() };
        self.perform(program, task, function).await.map(|_| ())
    }
}
