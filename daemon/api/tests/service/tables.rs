//! Ways to assign that become a table of chutes.

use serde_json::{Value, json};
use wcs_types::{Assign, ChuteId, Reply, Verb, VerbRefusal};

use crate::batches::receiving;
use crate::service::Service;

fn pairs(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = answer["table"].as_array().unwrap();
    rows.iter().map(|row| (text(&row["order"]), text(&row["chute"]))).collect()
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(order, chute)| (order.to_owned(), chute.to_owned())).to_vec()
}

#[tokio::test]
async fn a_table_goes_to_the_core_behind_the_jobs() {
    let service = Service::new().await;
    let batch = receiving(&service, &["a", "b", "c", "d", "e"]).await;
    let uri = format!("/api/batches/{batch}");
    let body = json!({"by": "serpentine", "per_row": 3});
    let answer = service.post(&format!("{uri}/assign"), body).await.with(200);
    assert_eq!(pairs(&answer), owned([("a", "c1"), ("b", "c2"), ("c", "c3"), ("d", "c6"), ("e", "c5")]));
    service.post(&format!("{uri}/start"), Value::Null).await.with(200);
    let verbs = service.core.taken();
    let Verb::Stage { spec, jobs, .. } = &verbs[0] else { panic!("{verbs:?}") };
    let Verb::StageTable { batch: core, part, pairs } = &verbs[1] else { panic!("{verbs:?}") };
    let Verb::Start { parts, content_hash, .. } = &verbs[2] else { panic!("{verbs:?}") };
    assert_eq!((spec.assign, *core, *part, *parts), (Assign::Fixed, spec.batch, 0, 1));
    assert_eq!((pairs.len(), pairs[3].1), (5, ChuteId(5)));
    assert_eq!(*content_hash, wcs_types::batch::batch_content_with_table(spec, jobs, pairs));
}

#[tokio::test]
async fn a_table_can_be_written_out() {
    let service = Service::new().await;
    let batch = receiving(&service, &["a", "b"]).await;
    let uri = format!("/api/batches/{batch}/assign");
    let table = |rows: &[(&str, &str)]| {
        let rows: Vec<Value> =
            rows.iter().map(|(order, chute)| json!({"order": {"number": order}, "chute": chute})).collect();
        json!({"by": "fixed", "table": rows})
    };
    let answer = service.post(&uri, table(&[("b", "c1"), ("a", "c8")])).await.with(200);
    assert_eq!(pairs(&answer), owned([("b", "c1"), ("a", "c8")]));
    for chute in ["exception", "nowhere"] {
        let problem = service.post(&uri, table(&[("a", chute)])).await.problem(422, "body.invalid");
        assert_eq!(problem["errors"][0]["pointer"], "/table/0/chute");
    }
    let problem = service.post(&uri, table(&[("a", "c1"), ("z", "c2")])).await.problem(409, "batch.orders");
    assert_eq!(
        (&problem["orders"][0]["number"], &problem["orders"][0]["reason"]),
        (&json!("z"), &json!("no_member"))
    );
    // What is missing in it, or not free, the core says at the start.
    service.core.answers(|verb| match verb {
        Verb::Start { .. } => {
            Ok((Reply::Refused(VerbRefusal::ChuteNotFree { chute: ChuteId(7) }), Vec::new()))
        }
        _ => Ok((Reply::Done, Vec::new())),
    });
    let start = service.post(&format!("/api/batches/{batch}/start"), Value::Null).await;
    let problem = start.problem(409, "control.refused");
    assert_eq!((&problem["refusal"], &problem["chute"]), (&json!("chute_not_free"), &json!("c8")));
    let unstaged = service.core.taken();
    assert!(matches!(unstaged.last(), Some(Verb::Unstage { .. })), "{unstaged:?}");
}

#[tokio::test]
async fn rules_send_orders_to_their_chutes() {
    let service = Service::new().await;
    let batch = receiving(&service, &["x1", "a", "x2"]).await;
    let uri = format!("/api/batches/{batch}/assign");
    let rule = json!({"on": "order", "pattern": "^x", "chutes": ["c7", "c6"]});
    let answer = service.post(&uri, json!({"by": "rules", "rules": [rule]})).await.with(200);
    assert_eq!(pairs(&answer), owned([("x1", "c7"), ("x2", "c6"), ("a", "c1")]));
    let full = json!({"on": "barcode", "pattern": "^x", "chutes": ["c7"]});
    let problem =
        service.post(&uri, json!({"by": "rules", "rules": [full]})).await.problem(422, "batch.plan");
    assert!(problem["detail"].as_str().unwrap().contains("rule 1"), "{problem}");
    for (body, pointer) in [
        (json!({"by": "rules"}), "/rules"),
        (json!({"by": "serpentine"}), "/per_row"),
        (json!({"by": "serpentine", "per_row": 0}), "/per_row"),
        (json!({"by": "volume", "table": []}), "/table"),
        (
            json!({"by": "rules", "rules": [{"on": "sku", "pattern": "(", "chutes": ["c1"]}]}),
            "/rules/0/pattern",
        ),
        (
            json!({"by": "rules", "rules": [{"on": "sku", "pattern": "a", "chutes": ["no_read"]}]}),
            "/rules/0/chutes/0",
        ),
        (json!({"by": "luck"}), "/by"),
    ] {
        let problem = service.post(&uri, body).await.problem(422, "body.invalid");
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
    let shown = service.get(&format!("/api/batches/{batch}")).await.with(200);
    assert_eq!(
        (&shown["state"], &shown["assign"]),
        (&json!("ready"), &json!("fixed")),
        "the last good plan stays"
    );
}
