//! The examples, run as they are, and the service under many requests at once.

#[allow(dead_code, unreachable_pub, reason = "an example is a program of its own")]
#[path = "../../examples/functions.rs"]
mod functions;
#[allow(dead_code, unreachable_pub, reason = "an example is a program of its own")]
#[path = "../../examples/learning.rs"]
mod learning;
#[allow(dead_code, unreachable_pub, reason = "an example is a program of its own")]
#[path = "../../examples/service.rs"]
mod service;

use kaizen::Runtime;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[tokio::test]
async fn functions_and_tools_work_together() {
    let done = functions::triage("17").await.unwrap();
    let wanted = functions::Triage {
        item: "lamp".to_owned(),
        refund: "24.50 for order 17".to_owned(),
        missing: "there is no order 18".to_owned(),
    };
    assert_eq!(done.value, wanted);
}

#[tokio::test]
async fn the_optimizer_learns_without_scripts() {
    assert_eq!(learning::learn(40).await.unwrap().pattern, "vote");
}

/// Requests at once, and how many of them go away before their answer.
const REQUESTS: usize = 200;
const GONE: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_answers_200_requests_at_once_and_journals_each() {
    let project = tempfile::tempdir().unwrap();
    let demo = json!({ "use": "demo/echo", "latency_ms": 300 });
    let builder = Runtime::builder().project(project.path()).model("desk", demo);
    let kaizen = service::runtime(builder).unwrap();

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/triage", listener.local_addr().unwrap());
    let router = service::router(kaizen.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = (0..REQUESTS).map(|number| {
        let request = client.post(&url).json(&json!({ "text": format!("Ticket {number}.") }));
        async move {
            let mut response = request.send().await.unwrap();
            let mut body = response.chunk().await.unwrap().unwrap().to_vec();
            if number < GONE {
                return None;
            }
            while let Some(more) = response.chunk().await.unwrap() {
                body.extend_from_slice(&more);
            }
            Some((number, String::from_utf8(body).unwrap()))
        }
    });
    let answers = futures::future::join_all(asked).await;

    let mut answered = 0;
    for (number, body) in answers.into_iter().flatten() {
        let last = body.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap();
        let last: Value = serde_json::from_str(last).unwrap();
        assert_eq!((&last["kind"], &last["status"]), (&json!("ended"), &json!("ok")), "{body}");
        assert_eq!(last["value"]["ticket"], format!("Ticket {number}."));
        answered += 1;
    }
    assert_eq!(answered, REQUESTS - GONE);

    // A run ends once the service has noticed that its client is gone.
    let store = project.path().join(".kaizen/kaizen.db");
    let mut statuses = statuses(&store);
    while statuses.get("none").is_some_and(|count| *count > 0) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        statuses = self::statuses(&store);
    }
    let wanted = [("interrupted".to_owned(), GONE), ("ok".to_owned(), REQUESTS - GONE)];
    assert_eq!(statuses, BTreeMap::from(wanted));

    server.abort();
    kaizen.close().await;
}

/// Counts the runs of a store by how they ended.
fn statuses(store: &std::path::Path) -> BTreeMap<String, usize> {
    let store = kaizen::store::open_to_read(store).unwrap();
    let mut counts = BTreeMap::new();
    for run in kaizen::journal::history::runs(&store, 1000).unwrap() {
        let status = run.status.map_or("none".to_owned(), |status| status.to_string());
        *counts.entry(status).or_default() += 1;
    }
    counts
}
