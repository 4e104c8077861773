//! A service that runs a workflow for each request, and streams the events of the run to the client.
//!
//! Start it with `cargo run --example service`, then ask it:
//!
//! ```sh
//! curl -N http://127.0.0.1:3000/triage -H 'content-type: application/json' -d '{ "text": "The lid is broken." }'
//! ```

use axum::extract::State;
use axum::response::{Sse, sse};
use axum::routing::post;
use axum::{Json, Router};
use futures::{Stream, stream};
use kaizen::{Budget, Error, Permissions, Runtime, RuntimeBuilder};

const TRIAGE: &str = r#"
    let ticket = param("ticket", "", "text of the ticket");
    let team = branch().communicate("Name the team that should handle this ticket: " + ticket);
    #{ ticket: ticket, team: team }
"#;

#[derive(serde::Deserialize)]
struct Ticket {
    text: String,
}

/// Adds what the service needs to a runtime.
pub fn runtime(builder: RuntimeBuilder) -> Result<Runtime, Error> {
    builder
        .script("triage.rhai", TRIAGE)
        .permissions(Permissions::none())
        .budget(Budget::max_cost(0.50).calls(10))
        .build()
}

/// Serves the endpoints.
pub fn router(kaizen: Runtime) -> Router {
    Router::new().route("/triage", post(triage)).with_state(kaizen)
}

async fn triage(
    State(kaizen): State<Runtime>,
    Json(ticket): Json<Ticket>,
) -> Sse<impl Stream<Item = Result<sse::Event, axum::Error>>> {
    let run = kaizen.run("triage.rhai").param("ticket", ticket.text).start();

    // The stream owns the run: if the client goes away, both are dropped, and the run is cancelled.
    Sse::new(stream::unfold(run, |mut run| async move {
        let event = run.events().next().await?;
        Some((sse::Event::default().json_data(&event), run))
    }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kaizen = runtime(Runtime::builder().in_memory().model("desk", "demo/echo"))?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, router(kaizen)).await?;
    Ok(())
}
