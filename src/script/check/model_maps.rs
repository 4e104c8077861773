//! Maps that describe models: what is wrong with the values that stand in them.

use crate::model::registry::ModelError;
use crate::model::spec::{ModelSpec, keys};
use crate::script::check::call::Call;
use crate::script::check::checker::{Checker, File};
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::convert;
use rhai::{Expr, Ident, Position};
use serde_json::{Map, Value};

/// The function whose options describe a model.
const DESCRIBES: &str = "imodel";
/// Functions with an option that may describe one.
const TAKES: &[&str] = &["branch", "branch_from"];
/// The keys that name the model.
const NAMES: &[&str] = &["use", "provider", "model"];
/// Models for which each key is tried where the script does not say literally which one is meant: one of them takes
/// every key.
const ANY: &[&str] = &["demo/x", "openai/x"];

impl Checker<'_> {
    /// Finds what is wrong with the literal descriptions of models that a call is given.
    pub(super) fn model_maps(
        &self,
        file: &File<'_>,
        call: &Call<'_>,
        faults: &mut Vec<Diagnostic>,
    ) {
        let name = call.expr.name.as_str();
        let Some(Expr::Map(options, _)) = call.expr.args.last() else { return };
        let map = if name == DESCRIBES {
            call.expr.args.last().filter(|_| call.expr.args.len() == 1)
        } else {
            let mut own = options.0.iter().filter(|(key, _)| key.name == "model");
            own.next().map(|(_, value)| value).filter(|_| TAKES.contains(&name))
        };

        if let Some(Expr::Map(fields, place)) = map {
            let map = ModelMap { file, of: name, fields: &fields.0, place: *place };
            self.model_map(&map, faults);
        }
    }

    /// Finds what is wrong with one description.
    fn model_map(&self, map: &ModelMap<'_>, faults: &mut Vec<Diagnostic>) {
        let model = match map.model() {
            Some(Ok(model)) => Some(model),
            // A value of the wrong type is told by the table of options.
            Some(Err(ModelError::WrongValue { .. })) => return,
            Some(Err(error)) => {
                faults.push(map.fault(codes::ARGUMENT, format!("`{}`: {error}", map.of)));
                return;
            }
            None => None,
        };

        if let Some(model) = &model
            && let Err(error) = self.host.with.models.check_name(model)
        {
            let (message, help) = error.parts();
            let fault = map.fault(codes::MODEL, message);
            faults.push(Diagnostic { help: help.map(str::to_owned), ..fault });
            return;
        }

        for fault in map.wrong_values(model.as_deref()) {
            // One that the table of options has found says the same.
            if faults.iter().all(|known| known.place != fault.place) {
                faults.push(fault);
            }
        }
    }
}

/// A literal description of a model.
struct ModelMap<'a> {
    file: &'a File<'a>,
    /// The function that takes it.
    of: &'a str,
    fields: &'a [(Ident, Expr)],
    place: Position,
}

impl ModelMap<'_> {
    fn names(&self) -> impl Iterator<Item = &(Ident, Expr)> {
        self.fields.iter().filter(|(key, _)| NAMES.contains(&key.name.as_str()))
    }

    /// Returns the provider and the name of the model, or why it has none; `None` if a part is not written out.
    fn model(&self) -> Option<Result<String, ModelError>> {
        let named: Option<Map<String, Value>> = self
            .names()
            .map(|(key, value)| Some((key.name.to_string(), literal(value)?)))
            .collect();
        let spec = ModelSpec::from_map(&named?);
        Some(spec.map(|spec| format!("{}/{}", spec.provider, spec.model)))
    }

    /// Makes a fault of the name of the model.
    fn fault(&self, code: &'static str, message: String) -> Diagnostic {
        let first = self.names().next();
        let at = first.map_or(self.place, |(_, value)| value.start_position());
        Diagnostic::at(code, message, self.file.name, self.file.text, at)
    }

    /// Finds the values that a description of this model cannot have.
    fn wrong_values(&self, model: Option<&str>) -> Vec<Diagnostic> {
        let tried: Vec<&str> = model.map_or(ANY.to_vec(), |model| vec![model]);
        let others = self.fields.iter().filter(|(key, _)| !NAMES.contains(&key.name.as_str()));
        let each = others.filter_map(|(key, value)| {
            // Options that nobody knows are told by their names.
            let is_told = self.of == DESCRIBES && !keys(true).contains(&key.name.as_str());
            let given = literal(value).filter(|_| !is_told)?;
            let error = wrong(&tried, &key.name, &given)?;

            let message = format!("`{}`: {error}", self.of);
            let file = self.file;
            let at = value.start_position();
            Some(Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, at))
        });
        each.collect()
    }
}

/// Returns a value that is written out.
fn literal(value: &Expr) -> Option<Value> {
    let value = value.get_literal_value(None).filter(|value| !value.is_unit())?;
    convert::to_value(&value).ok()
}

/// Says what is wrong with one value of a description, for each of these models.
fn wrong(models: &[&str], key: &str, value: &Value) -> Option<ModelError> {
    let mut found = None;
    for model in models {
        let described = [("use".to_owned(), Value::from(*model)), (key.to_owned(), value.clone())];
        found = Some(ModelSpec::from_map(&Map::from_iter(described)).err()?);
    }
    found
}
