//! The OpenAPI document: whole in itself, and shown without a network.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::service::Service;

/// Every reference in a document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                found.insert(reference.clone());
            }
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn it_names_nothing_it_does_not_have() {
    let service = Service::new().await;
    let document = service.get("/api/openapi.json").await.with(200);
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn every_write_says_how_it_can_fail() {
    let service = Service::new().await;
    let document = service.get("/api/openapi.json").await.with(200);
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name =
                operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no name"));
            assert!(operations.insert(name.to_owned()), "{name} twice");
            if method == "post" {
                for status in ["400", "404", "408", "409", "413", "415", "422", "503"] {
                    assert!(operation["responses"].get(status).is_some(), "{method} {path} without {status}");
                }
            }
        }
    }
    assert!(operations.len() > 30, "{operations:?}");
}

#[tokio::test]
async fn what_takes_every_number_of_32_bits_says_so() {
    let service = Service::new().await;
    let document = service.get("/api/openapi.json").await.with(200);
    let operator = &document["components"]["schemas"]["AssignBody"]["properties"]["operator"];
    // `int32` would end at 2147483647.
    assert_eq!(operator["format"], "uint32", "{operator}");
    assert_eq!(operator["maximum"], u32::MAX, "{operator}");
}

#[tokio::test]
async fn its_viewer_needs_no_network() {
    let service = Service::new().await;
    let page = service.get("/api/docs/").await;
    assert_eq!(page.status, 200);
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains("swagger-ui"), "{text}");
    assert!(!text.contains("://"), "it loads nothing from elsewhere: {text}");
}
