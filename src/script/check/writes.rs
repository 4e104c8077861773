//! Properties that are set and can only be read.

use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::options;
use rhai::{ASTNode, Expr, Position, Stmt};

/// A property of one of kaizen's own values that a script sets.
struct PropertyWrite {
    of: String,
    name: String,
    position: Position,
}

impl Checker<'_> {
    /// Finds properties of kaizen's own values that are set although nothing can set them.
    pub(super) fn writes(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let write = write_in(kinds, path);
            found.extend(write.filter(|write| !kinds.can_set(&write.of, &write.name)));
            true
        });

        for PropertyWrite { of, name, position } in found {
            let message = format!("{} has no writable property `{name}`", article(&of));
            let fault = Diagnostic::at(codes::PROPERTY, message, file.name, file.text, position);
            let is_option = options::known(&of).is_some_and(|known| known.contains(&name.as_str()));
            let help = is_option.then(|| format!("write `{of}(#{{ {name}: .. }})` to create one"));
            self.push(Diagnostic { help, ..fault });
        }
    }
}

/// Returns the property that a statement sets, if it is one of kaizen's own values.
fn write_in(kinds: &Kinds<'_>, path: &[ASTNode<'_>]) -> Option<PropertyWrite> {
    let Some(ASTNode::Stmt(Stmt::Assignment(assignment))) = path.last() else { return None };
    let Expr::Dot(pair, ..) = &assignment.1.lhs else { return None };
    let Expr::Property(property, position) = &pair.rhs else { return None };

    let of = kinds.kind(&pair.lhs, kinds.function_of(path))?;
    let (ValueKind::Handle(_) | ValueKind::Node(_)) = &of else { return None };
    let name = property.2.to_string();
    Some(PropertyWrite { of: of.word().to_owned(), name, position: *position })
}
