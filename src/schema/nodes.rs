//! Which parts of a schema speak of which part of a value.

use serde_json::Value;

/// Most schemas that are looked at for one part of a value: references may go in circles.
const NODES_MAX: usize = 256;

/// The schemas that speak of one part of a value: those that must hold, and those that may.
#[derive(Debug, Clone)]
pub(super) struct Nodes<'a> {
    root: &'a Value,
    all: Vec<&'a Value>,
}

impl<'a> Nodes<'a> {
    /// Returns what a schema says of the whole value.
    pub(super) fn of(root: &'a Value) -> Nodes<'a> {
        Nodes::with(root, vec![root])
    }

    /// Follows references and combinations.
    fn with(root: &'a Value, begin: Vec<&'a Value>) -> Nodes<'a> {
        let mut all: Vec<&Value> = Vec::new();
        let mut open = begin;

        while let Some(node) = open.pop() {
            if all.len() >= NODES_MAX || all.iter().any(|known| std::ptr::eq(*known, node)) {
                continue;
            }
            all.push(node);

            let target = node.get("$ref").and_then(Value::as_str);
            open.extend(target.and_then(|target| resolve(root, target)));
            for word in ["allOf", "anyOf", "oneOf"] {
                open.extend(node.get(word).and_then(Value::as_array).into_iter().flatten());
            }
            open.extend(["then", "else"].into_iter().filter_map(|word| node.get(word)));
        }

        Nodes { root, all }
    }

    /// Returns what is said of the value of a property.
    pub(super) fn property(&self, name: &str) -> Nodes<'a> {
        let inner = self.all.iter().filter_map(|node| {
            let named = node.get("properties").and_then(|properties| properties.get(name));
            named.or_else(|| node.get("additionalProperties"))
        });

        Nodes::with(self.root, inner.filter(|node| node.is_object()).collect())
    }

    /// Returns what is said of an item of a list.
    pub(super) fn item(&self, place: usize) -> Nodes<'a> {
        let inner = self.all.iter().filter_map(|node| {
            let listed = |word: &str| node.get(word).and_then(Value::as_array)?.get(place);
            let others = || node.get("items").filter(|items| items.is_object());
            listed("prefixItems")
                .or_else(|| listed("items"))
                .or_else(others)
                .or_else(|| node.get("additionalItems"))
        });

        Nodes::with(self.root, inner.filter(|node| node.is_object()).collect())
    }

    /// Returns what is said of the part at a JSON pointer of `value`.
    pub(super) fn at(&self, value: &Value, pointer: &str) -> Nodes<'a> {
        let mut nodes = self.clone();
        let mut part = Some(value);

        for step in steps(pointer) {
            let place = step.parse().unwrap_or(0);
            nodes = match part {
                Some(Value::Array(_)) => nodes.item(place),
                _ => nodes.property(&step),
            };
            part = part.and_then(|part| match part {
                Value::Array(items) => items.get(place),
                other => other.get(&step),
            });
        }

        nodes
    }

    /// Returns the names of the properties that are declared, each once, in order.
    pub(super) fn properties(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        let maps = self.all.iter().filter_map(|node| node.get("properties")?.as_object());
        for name in maps.flat_map(serde_json::Map::keys) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    /// Tells whether a property is among those that must be there.
    pub(super) fn is_required(&self, name: &str) -> bool {
        let lists = self.all.iter().filter_map(|node| node.get("required")?.as_array());
        lists.flatten().any(|known| known.as_str() == Some(name))
    }

    /// Tells whether a type is among those that the value may have.
    pub(super) fn has_type(&self, word: &str) -> bool {
        self.all.iter().filter_map(|node| node.get("type")).any(|kind| match kind {
            Value::String(kind) => kind == word,
            Value::Array(kinds) => kinds.iter().any(|kind| kind.as_str() == Some(word)),
            _ => false,
        })
    }
}

/// Finds what a reference within the same schema refers to.
pub(super) fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = reference.strip_prefix('#')?;
    let pointer = percent_encoding::percent_decode_str(pointer).decode_utf8().ok()?;
    root.pointer(&pointer)
}

/// Returns the steps of a JSON pointer.
pub(super) fn steps(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"))
}
