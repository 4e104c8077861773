//! Functions and tools of the program, called by a script and by a model.
#![allow(clippy::print_stdout, reason = "an example shows what it gives")]

use kaizen::{Error, Outcome, Permissions, Runtime};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

const TRIAGE: &str = r#"
    let order = lookup_order(param("order", ""));
    let missing = attempt(|| lookup_order("18"));

    let desk = branch(#{ tools: [tool("refund")] });
    let refund = desk.act("refund", #{ order: order.number, amount: order.price });
    #{ item: order.item, refund: refund, missing: missing.error.message }
"#;

/// An order of the shop.
#[derive(Clone, serde::Serialize)]
pub struct Order {
    number: String,
    item: String,
    price: f64,
}

/// What the script returns.
#[derive(Debug, PartialEq, serde::Deserialize)]
pub struct Triage {
    /// The item of the order.
    pub item: String,
    /// What came of the refund.
    pub refund: String,
    /// Why another order was not found.
    pub missing: String,
}

/// What the function can fail with.
#[derive(Debug, thiserror::Error)]
enum ShopError {
    #[error("there is no order {0}")]
    NoOrder(String),
}

/// The arguments of the tool.
#[derive(serde::Deserialize)]
struct Refund {
    order: String,
    amount: f64,
}

/// Runs the script once.
pub async fn triage(order: &str) -> Result<Outcome<Triage>, Error> {
    let lamp = Order { number: "17".into(), item: "lamp".into(), price: 24.5 };
    let orders = Arc::new(BTreeMap::from([("17".to_owned(), lamp)]));

    let kaizen = Runtime::builder()
        .in_memory()
        .model("desk", "demo/echo")
        .script("triage.rhai", TRIAGE)
        .permissions(Permissions::none())
        .function("lookup_order", "Finds an order by its number.", move |number: String| {
            let orders = orders.clone();
            async move { orders.get(&number).cloned().ok_or(ShopError::NoOrder(number)) }
        })
        .tool(
            "refund",
            json!({
                "description": "Refunds an amount of an order.",
                "type": "object",
                "properties": {
                    "order": { "type": "string" },
                    "amount": { "type": "number" }
                },
                "required": ["order", "amount"]
            }),
            |refund: Refund| async move {
                Ok::<_, ShopError>(format!("{:.2} for order {}", refund.amount, refund.order))
            },
        )
        .build()?;

    kaizen.run("triage.rhai").param("order", order).start().finish().await
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let done = triage("17").await?;
    println!("{:?}", done.value);
    Ok(())
}
