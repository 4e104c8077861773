//! Values that nothing keeps: what a built-in word gives.

use crate::script::check::call::receiver;
use crate::script::check::in_place::is_changing;
use crate::script::check::kinds::Kinds;
use rhai::{ASTNode, Expr, FnCallExpr};

impl Kinds<'_> {
    /// Tells whether the method at the end of a path is called on a value that nothing keeps.
    pub(super) fn is_temporary(&self, path: &[ASTNode<'_>]) -> bool {
        match receiver(path) {
            Some(Expr::FnCall(call, _) | Expr::MethodCall(call, _)) => self.gives_a_copy(call),
            _ => false,
        }
    }

    /// Tells whether a call is one of a built-in word. A function of the script may return what others share.
    fn gives_a_copy(&self, call: &FnCallExpr) -> bool {
        let name = call.name.as_str();
        let is_known = !self.forms.all(name).is_empty() && !self.forms.is_of_script(name);
        // What returns nothing is another mistake.
        is_known && !is_changing(name) && !call.is_qualified() && !self.may_hold(name)
    }
}
