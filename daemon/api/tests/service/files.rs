//! Order files: encodings, marks, delimiters, and a refusal with its reason for every row that is none.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::service::Service;

const MAPPING: &str = "[file]\nencoding = \"ENCODING\"\ndelimiter = \",\"\n[columns]\norder = \"주문\"\nsku = \"상품\"\n\
    quantity = \"수량\"\ndescription = \"품명\"\ncustomer = \"고객\"\n[[refuse]]\nreason = \"return\"\ncolumn = \"quantity\"\n\
    rule = \"not_positive\"\n";
const FILE: &str =
    "주문,상품,수량,품명,고객\nA1,S1,2,가방,서울\nA1,S2,1,모자,서울\nA2,S1,-1,가방,부산\nA3,,1,x,y\n";

/// The URI for a mapping in the query.
fn uri(encoding: &str) -> String {
    let text = MAPPING.replace("ENCODING", encoding);
    let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("/api/orders/receive?mapping_text={escaped}")
}

#[tokio::test]
async fn files_of_every_encoding_are_taken() {
    let cp949: Vec<u8> = FILE.chars().flat_map(cp949_of).collect();
    let with_mark = [b"\xEF\xBB\xBF", FILE.as_bytes()].concat();
    for (encoding, bytes) in [("utf-8", FILE.as_bytes().to_vec()), ("utf-8-bom", with_mark), ("cp949", cp949)]
    {
        let service = Service::new().await;
        let answer = service.post_csv(&uri(encoding), bytes.clone()).await.with(207);
        assert_eq!(
            (&answer["rows"], &answer["rows_accepted"], &answer["pieces"]),
            (&json!(4), &json!(2), &json!(3))
        );
        assert_eq!((&answer["stored"], &answer["refused"]), (&json!(1), &json!(2)), "{encoding}");
        assert_eq!(answer["refused_by_reason"], json!({"return": 1, "blank_sku": 1}));
        assert_eq!(answer["refusals"][0]["row"], 4);
        assert_eq!(
            answer["empty_orders"],
            json!([{"owner": "-", "number": "A2"}, {"owner": "-", "number": "A3"}])
        );
        let shown = service.get("/api/orders/-/A1").await.with(200);
        assert_eq!((&shown["customer"], &shown["lines"][0]["description"]), (&json!("서울"), &json!("가방")));
        let again = service.post_csv(&uri(encoding), bytes).await.with(207);
        assert_eq!((&again["stored"], &again["repeated"]), (&json!(0), &json!(1)));
    }
}

/// The few letters of the file in code page 949.
fn cp949_of(letter: char) -> Vec<u8> {
    let pair: [u8; 2] = match letter {
        '주' => [0xC1, 0xD6],
        '문' => [0xB9, 0xAE],
        '상' => [0xBB, 0xF3],
        '품' => [0xC7, 0xB0],
        '수' => [0xBC, 0xF6],
        '량' => [0xB7, 0xAE],
        '명' => [0xB8, 0xED],
        '고' => [0xB0, 0xED],
        '객' => [0xB0, 0xB4],
        '가' => [0xB0, 0xA1],
        '방' => [0xB9, 0xE6],
        '서' => [0xBC, 0xAD],
        '울' => [0xBF, 0xEF],
        '모' => [0xB8, 0xF0],
        '자' => [0xC0, 0xDA],
        '부' => [0xBA, 0xCE],
        '산' => [0xBB, 0xEA],
        ascii => return vec![u8::try_from(ascii).unwrap()],
    };
    pair.to_vec()
}

#[tokio::test]
async fn semicolons_are_named() {
    let service = Service::new().await;
    let answer = service.post_csv(&uri("utf-8"), FILE.replace(',', ";")).await;
    let problem = answer.problem(422, "file.refused");
    assert!(problem["detail"].as_str().unwrap().contains("semicolon"), "{problem}");
    assert_eq!(service.get("/api/orders").await.with(200)["items"], json!([]));
}

#[tokio::test]
async fn files_that_cannot_be_taken_store_nothing() {
    let service = Service::new().await;
    service.post_csv(&uri("utf-8"), "").await.problem(422, "file.refused");
    service
        .post_csv(&uri("utf-8"), "주문,상품,수량,품명,고객\nA1,\"S1,1,x,y\n")
        .await
        .problem(422, "file.refused");
    service.post_csv(&uri("utf-8"), b"\xFF\xFE".to_vec()).await.problem(422, "file.refused");
    service.post_csv("/api/orders/receive", FILE).await.problem(400, "query.invalid");
    service.post_csv("/api/orders/receive?mapping=x", FILE).await.problem(404, "mapping.not_found");
    service.post_csv("/api/orders/receive?mapping_text=x", FILE).await.problem(400, "query.invalid");
    service.post(&uri("utf-8"), json!({})).await.problem(415, "media_type.unsupported");
    assert_eq!(service.get("/api/orders").await.with(200)["items"], json!([]));
    let known = service.post_csv("/api/orders/receive?mapping=retail", FILE).await;
    assert_eq!(known.status, StatusCode::UNPROCESSABLE_ENTITY, "the sample mapping has other columns");
}

#[tokio::test]
async fn rows_the_store_refuses_are_told_by_row() {
    let service = Service::new().await;
    let long = "가".repeat(200);
    let file = format!("주문,상품,수량,품명,고객\nA1,S1,2,{long},서울\nA1,S2,1,모자,서울\n");
    let answer = service.post_csv(&uri("utf-8"), file).await.with(207);
    let refusal: &Value = &answer["refusals"][0];
    assert_eq!((&refusal["row"], &refusal["reason"]), (&json!(2), &json!("description_too_long")));
    assert_eq!(
        (&answer["rows_accepted"], &answer["pieces"], &answer["stored"]),
        (&json!(1), &json!(1), &json!(1))
    );
}
