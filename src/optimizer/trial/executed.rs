//! Which executions the flows of a run were, made event by event, so that what people say of an operation finds
//! the execution that it belongs to.

use crate::base::id::FlowId;
use crate::base::strand::{Address, Spot};
use crate::journal::event::Event;
use crate::journal::inquiry::Topic;
use serde_json::Value;
use std::collections::BTreeMap;

/// The executions of a run, by the names under which they were recorded.
#[derive(Debug, Default)]
pub struct ExecutedFlows {
    names: BTreeMap<FlowId, String>,
    /// The flow in whose operation each other one ran.
    within: BTreeMap<FlowId, FlowId>,
    /// Executions that were chosen and have not begun.
    chosen: Vec<ChosenExecution>,
}

/// An execution that was chosen: where, with which pattern, and its name.
#[derive(Debug)]
struct ChosenExecution {
    address: Address,
    pattern: String,
    name: String,
}

/// How far below the line of work that has chosen a flow begins: the execution is a strand of its own.
const STEPS: usize = 2;

impl ExecutedFlows {
    /// Takes in the next event of the run.
    pub fn see(&mut self, event: &Event) {
        match event {
            Event::EffectEnded { what, value, at } => match what.topic() {
                Some(Topic::Execute) => self.see_compared(value),
                Some(Topic::Run) => self.see_chosen(at.as_ref(), value),
                _ => {}
            },
            Event::FlowStarted { flow, ops, within, at, .. } => {
                self.within.extend(within.map(|above| (*flow, above)));
                let begins = |chosen: &ChosenExecution| {
                    let at = at.as_ref().and_then(|at| at.steps_below(&chosen.address));
                    at == Some(STEPS) && ops.iter().all(|op| op.name == chosen.pattern)
                };
                if let Some(place) = self.chosen.iter().position(begins) {
                    self.names.insert(*flow, self.chosen.swap_remove(place).name);
                }
            }
            _ => {}
        }
    }

    fn see_chosen(&mut self, at: Option<&Spot>, value: &Value) {
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        if let (Some(at), Some(pattern), Some(name)) = (at, text("pattern"), text("execution")) {
            self.chosen.push(ChosenExecution { address: at.address.clone(), pattern, name });
        }
    }

    /// Takes in an execution of a comparison, which says its flow when it has ended.
    fn see_compared(&mut self, value: &Value) {
        let flow = value["case"]["flow"].as_u64().and_then(|flow| u32::try_from(flow).ok());
        if let (Some(flow), Some(name)) = (flow, value["name"].as_str()) {
            self.names.insert(FlowId(flow), name.to_owned());
        }
    }

    /// Returns the name of the execution that a flow belongs to, if it belongs to one.
    pub fn of_flow(&self, flow: FlowId) -> Option<&str> {
        let mut next = Some(flow);
        while let Some(flow) = next {
            if let Some(name) = self.names.get(&flow) {
                return Some(name);
            }
            // A flow runs in an earlier one.
            next = self.within.get(&flow).copied().filter(|above| *above < flow);
        }
        None
    }

    /// Returns the flows that were executions, each by itself.
    pub fn flows(&self) -> impl Iterator<Item = FlowId> + '_ {
        self.names.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn executed(events: &[Value]) -> ExecutedFlows {
        let mut found = ExecutedFlows::default();
        for event in events {
            found.see(&serde_json::from_value(event.clone()).expect("an event"));
        }
        found
    }

    fn flow(number: u32, at: &str, within: Option<u32>) -> Value {
        json!({ "kind": "flow_started", "flow": number, "name": "t", "max_concurrent": 1, "at": at,
            "within": within, "ops": [{ "op": number, "name": "direct", "does": "call" }] })
    }

    #[test]
    fn flows_are_found_by_where_they_were_chosen_and_by_what_a_comparison_says() {
        let chosen = |at: &str, name: &str| {
            json!({ "kind": "told", "what": "run t on 0", "at": format!("{at}#0"),
                "value": { "pattern": "direct", "execution": name } })
        };
        let compared = json!({ "kind": "told", "what": "execute a on t",
            "value": { "name": "third", "case": { "flow": 7 } } });

        let found = executed(&[
            chosen("", "first"),
            chosen("/0.1", "second"),
            // A flow of another task, and one further below.
            flow(1, "/0.2/0.0/0.0", None),
            flow(2, "/0.1/3.0/0.0", None),
            flow(3, "/1.0/0.0", None),
            flow(4, "/1.0/0.0/0.0/0.0", Some(3)),
            compared,
        ]);
        let names = [1, 2, 3, 4, 7, 8].map(|flow| found.of_flow(FlowId(flow)));
        assert_eq!(
            names,
            [None, Some("second"), Some("first"), Some("first"), Some("third"), None]
        );
        assert_eq!(found.flows().collect::<Vec<_>>(), [2, 3, 7].map(FlowId));
    }
}
