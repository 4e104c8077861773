//! `session`: the branches that a flow may work on.

use super::define::def;
use super::model;
use crate::base::failure::Kind;
use crate::script::host::context::Inner;
use crate::script::host::convert;
use crate::script::host::error::{EvalError, throw_new};
use crate::session::Session;
use crate::session::branch::{Branch, SharedBranch};
use rhai::{Array, Dynamic, Engine};
use std::cell::RefCell;
use std::rc::Rc;

/// A session as scripts hold it.
pub(in crate::script) type SharedSession = Rc<RefCell<SessionHandle>>;

/// A session and who listens to it.
pub(in crate::script) struct SessionHandle {
    pub(in crate::script) session: Session,
    /// The kind of event that each listener wants, and the listener.
    pub(in crate::script) listeners: Vec<(String, crate::script::host::bound_fn::BoundFn)>,
}

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "session() -> session",
        r#"
        Creates a session: the branches that a flow can use. Its default branch is new unless you
        pass one; operations without their own branch start from a copy of it.
        ```rhai
        let s = session(branch(#{ model: "demo/echo", system: "Be brief." }));
        print(s.branches.len);
        ```
        "#,
        move || Ok::<_, EvalError>(create(Branch::new(model::default(&inner)?, None).shared())),
    );

    def(engine, "session(default: branch) -> session", "", create);

    def(
        engine,
        "include_branch(session: session, branch: branch)",
        r#"
        Adds a branch to a session, so that operations can use it.
        ```rhai
        let s = session();
        let b = branch("demo/echo");
        s.include_branch(b);
        s.include_branches([branch("demo/echo"), branch("demo/echo")]);
        print(s.branches.len);
        ```
        "#,
        |session: &mut SharedSession, branch: SharedBranch| {
            session.borrow_mut().session.include(branch);
        },
    );

    def(
        engine,
        "include_branches(session: session, branches: array)",
        r#"
        Adds one or several branches to a session.
        ```rhai
        let s = session();
        s.include_branches([branch("demo/echo"), branch("demo/echo")]);
        print(s.branches.len);
        ```
        "#,
        include_all,
    );

    def(
        engine,
        "include_branches(session: session, branch: branch)",
        "",
        |session: &mut SharedSession, branch: SharedBranch| {
            session.borrow_mut().session.include(branch);
        },
    );

    def(
        engine,
        "get branches(session: session) -> array",
        r#"
        The branches of a session, the default first.
        ```rhai
        print(session().branches.len);
        ```
        "#,
        |session: &mut SharedSession| -> Array {
            session.borrow().session.branches().iter().cloned().map(Dynamic::from).collect()
        },
    );

    def(
        engine,
        "get default_branch(session: session) -> branch",
        r#"
        The branch that operations start from by default.
        ```rhai
        print(session(branch("demo/echo")).default_branch.model.name);
        ```
        "#,
        |session: &mut SharedSession| session.borrow().session.default_branch().clone(),
    );
}

fn create(default: SharedBranch) -> SharedSession {
    let session = Session::new(default);
    Rc::new(RefCell::new(SessionHandle { session, listeners: Vec::new() }))
}

fn include_all(session: &mut SharedSession, branches: Array) -> Result<(), EvalError> {
    // All are checked before one is added.
    let mut found = Vec::with_capacity(branches.len());
    for value in branches {
        let name = convert::type_name(&value);
        let wrong =
            || throw_new(Kind::Option, format!("`include_branches` takes branches, not a {name}"));
        found.push(value.try_cast::<SharedBranch>().ok_or_else(wrong)?);
    }

    for branch in found {
        session.borrow_mut().session.include(branch);
    }

    Ok(())
}
