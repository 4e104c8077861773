//! Pictures that go with a question: how each provider is sent them, and what they are charged.

use super::model;
use super::tool_wire::{PROVIDERS, WireReply};
use crate::support::server::{Server, json as body};
use kaizen::model::image::Image;
use kaizen::model::message::{Message, Role};
use kaizen::model::reply::ReplyContent;
use kaizen::model::request::{Request, Settings};
use kaizen::model::tool::{ToolCall, ToolResult};
use serde_json::{Value, json};

fn request(images: &[Image]) -> Request {
    let messages = vec![
        Message::new(Role::System, "Be brief."),
        Message::asking("What is this?", images),
        Message::new(Role::Assistant, "A dot."),
        Message::new(Role::User, "Sure?"),
    ];
    Request::new(messages, Settings { max_tokens: Some(50), ..Settings::default() }, None)
}

#[tokio::test]
async fn each_provider_is_sent_pictures_in_its_own_way() {
    let gif = Image::of(b"GIF89a-").unwrap();
    let png = Image::of(b"\x89PNG\r\n\x1a\n-").unwrap();

    for provider in PROVIDERS {
        let server = Server::start(move |_, _, _| {
            body(200, WireReply::new(provider, "ok", &[]).body(provider))
        });
        let called = model(provider, &server.url).call(&request(&[gif.clone(), png.clone()])).await;
        assert_eq!(called.result.unwrap().text, "ok", "{provider}");

        let sent: Value = serde_json::from_str(&server.bodies()[0]).unwrap();
        let (found, expected) = match provider {
            "anthropic" => (
                &sent["messages"],
                json!([
                    { "role": "user", "content": [
                        { "type": "image", "source":
                            { "type": "base64", "media_type": "image/gif", "data": "R0lGODlhLQ==" } },
                        { "type": "image", "source":
                            { "type": "base64", "media_type": "image/png", "data": "iVBORw0KGgot" } },
                        { "type": "text", "text": "What is this?" },
                    ] },
                    { "role": "assistant", "content": "A dot." },
                    { "role": "user", "content": "Sure?" },
                ]),
            ),
            "gemini" => (
                &sent["contents"],
                json!([
                    { "role": "user", "parts": [
                        { "text": "What is this?" },
                        { "inlineData": { "mimeType": "image/gif", "data": "R0lGODlhLQ==" } },
                        { "inlineData": { "mimeType": "image/png", "data": "iVBORw0KGgot" } },
                    ] },
                    { "role": "model", "parts": [{ "text": "A dot." }] },
                    { "role": "user", "parts": [{ "text": "Sure?" }] },
                ]),
            ),
            _ => (
                &sent["messages"],
                json!([
                    { "role": "system", "content": "Be brief." },
                    { "role": "user", "content": [
                        { "type": "text", "text": "What is this?" },
                        { "type": "image_url", "image_url": { "url": "data:image/gif;base64,R0lGODlhLQ==" } },
                        { "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgot" } },
                    ] },
                    { "role": "assistant", "content": "A dot." },
                    { "role": "user", "content": "Sure?" },
                ]),
            ),
        };
        assert_eq!(*found, expected, "{provider}");
    }
}

#[test]
fn a_picture_of_which_only_the_hash_is_known_is_not_sent() {
    let kept = json!(Image::of(b"GIF89a-").unwrap());
    let image: Image = serde_json::from_value(kept).unwrap();
    let error = request(&[image]).check().unwrap_err();
    assert_eq!(
        error.to_string(),
        "message 2 of the conversation has a picture whose content was not stored; pass the picture again"
    );
}

#[tokio::test]
async fn the_pictures_of_a_result_stand_with_it_or_after_it() {
    let call = ToolCall::new("k1", "look", json!({}));
    let plain = ToolResult::new(&call, "see", false);
    let result = ToolResult { images: vec![Image::of(b"GIF89a-").unwrap()], ..plain };
    let said = ReplyContent { text: String::new(), calls: vec![call], opaque: Vec::new() };
    let messages = vec![
        Message::new(Role::User, "Look."),
        Message::of_reply(said),
        Message::of_results(vec![result]),
    ];
    let request = Request::new(messages, Settings::default(), None);

    for provider in ["openai", "anthropic"] {
        let server = Server::start(move |_, _, _| {
            body(200, WireReply::new(provider, "ok", &[]).body(provider))
        });
        let called = model(provider, &server.url).call(&request).await;
        assert_eq!(called.result.unwrap().text, "ok", "{provider}");

        let sent: Value = serde_json::from_str(&server.bodies()[0]).unwrap();
        let messages = sent["messages"].as_array().unwrap();
        let expected = match provider {
            "anthropic" => json!([{ "role": "user", "content": [{
                "type": "tool_result", "tool_use_id": "k1", "content": [
                    { "type": "text", "text": "see" },
                    { "type": "image", "source":
                        { "type": "base64", "media_type": "image/gif", "data": "R0lGODlhLQ==" } },
                ],
            }] }]),
            _ => json!([
                { "role": "tool", "tool_call_id": "k1", "content": "see" },
                { "role": "user", "content": [
                    { "type": "text", "text": "The pictures in the result of `look`:" },
                    { "type": "image_url", "image_url": { "url": "data:image/gif;base64,R0lGODlhLQ==" } },
                ] },
            ]),
        };
        assert_eq!(json!(messages[2..]), expected, "{provider}");
    }
}
