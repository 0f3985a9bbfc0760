//! The answer to *why*: what people ask for is found, and told whole, as data and as text in both languages.

use serde::Serialize;
use utoipa::ToSchema;
use wcs_intake::OWNER_DEFAULT;
use wcs_types::{BatchId, JobId, LoadKey, OrderKey, Plant};

use super::evidence::seen_with;
use super::keys::Key;
use super::orders::{self, JobView, OrderView, PiecesView};
use super::{Sentence, TimelineEntry, Why, explain, gather};
use crate::answer::code_of;
use crate::event::{load_text, parse_load};
use crate::ports::{FindError, Records, Sought};

/// Loads that are told. Of more the last are.
pub const LOADS_TOLD_MAX: usize = 20;
/// Loads of a label that are looked at. Of more the last are.
const SEEN_LOOKED_MAX: usize = 64;

/// A load that is told.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = WhyLoad)]
pub struct LoadAnswer {
    /// Its id.
    pub id: String,
    /// What happened to it, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// Not all of it is told here: there is too much.
    pub is_truncated: bool,
    /// Why it went where it went.
    pub why: Why,
}

/// The answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = WhyAnswer)]
pub struct Answer {
    /// What was asked for.
    pub subject: String,
    /// What it is: `load`, `label`, `order` or `job`.
    pub kind: &'static str,
    /// The order, where it is one.
    pub order: Option<OrderView>,
    /// The job, where it is one.
    pub job: Option<JobView>,
    /// Loads with time line and why, oldest first.
    pub loads: Vec<LoadAnswer>,
    /// Earlier loads that are not told.
    pub left_out: usize,
    /// All of it as text of several lines.
    pub text: Sentence,
}

/// Answers for a subject: a load as `line-epoch-item`, a label, an order as `owner/number` or `number`, or a job as
/// `batch/job` by the numbers of the journal; the first of these that is known. `load:`, `label:`, `order:` or `job:`
/// in front says which is meant. `None` when nothing is known of it.
///
/// # Errors
/// The journal cannot be read.
pub fn answer(records: &dyn Records, plant: &Plant, subject: &str) -> Result<Option<Answer>, FindError> {
    type Ask = fn(&Asked<'_>, &str) -> Result<Option<Answer>, FindError>;
    const KINDS: [(&str, Ask); 4] = [
        ("load:", |asked, name| asked.load(name)),
        ("label:", |asked, name| asked.label(name)),
        ("order:", |asked, name| asked.order(name)),
        ("job:", |asked, name| asked.job(name)),
    ];
    let asked = Asked { records, plant, subject };
    for (prefix, ask) in KINDS {
        if let Some(name) = subject.strip_prefix(prefix)
            && let Some(found) = ask(&asked, name)?
        {
            return Ok(Some(found));
        }
    }
    for (_, ask) in KINDS {
        if let Some(found) = ask(&asked, subject)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Time line and why of one load; `None` when nothing tells of it.
///
/// # Errors
/// The journal cannot be read.
pub fn answer_of_load(
    records: &dyn Records,
    plant: &Plant,
    key: LoadKey,
) -> Result<Option<LoadAnswer>, FindError> {
    let Some(evidence) = gather(records, plant, key)? else { return Ok(None) };
    let (timeline, why) = explain(key, &evidence, plant);
    Ok(Some(LoadAnswer { id: load_text(key), timeline, is_truncated: evidence.is_truncated, why }))
}

struct Asked<'a> {
    records: &'a dyn Records,
    plant: &'a Plant,
    subject: &'a str,
}

impl Asked<'_> {
    fn load(&self, name: &str) -> Result<Option<Answer>, FindError> {
        let Some(key) = parse_load(name) else { return Ok(None) };
        let found = self.tell("load", &[key])?;
        Ok((!found.loads.is_empty()).then(|| found.finished()))
    }

    fn label(&self, name: &str) -> Result<Option<Answer>, FindError> {
        let Some(label) = code_of(name) else { return Ok(None) };
        let mut seqs = self.records.find(&Sought::all(Key::Label(&label)))?;
        // The label of a sku is seen all day.
        let older = seqs.len().saturating_sub(SEEN_LOOKED_MAX);
        let seqs = seqs.split_off(older);
        let mut keys: Vec<LoadKey> = Vec::new();
        self.records.read_these(&seqs, &mut |told| {
            for key in seen_with(told, &label) {
                // A load that was silent is seen again under its key.
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        })?;
        let mut found = self.tell("label", &keys)?;
        found.left_out += older;
        Ok((!found.loads.is_empty()).then(|| found.finished()))
    }

    fn order(&self, name: &str) -> Result<Option<Answer>, FindError> {
        let (owner, number) = name.split_once('/').unwrap_or((OWNER_DEFAULT, name));
        let key = OrderKey { owner: owner.to_owned(), number: number.to_owned() };
        let Some(order) = orders::order(self.records, self.plant, &key)? else { return Ok(None) };
        let mut answer = self.tell("order", &order.loads)?;
        answer.order = Some(order.view);
        Ok(Some(answer.finished()))
    }

    fn job(&self, name: &str) -> Result<Option<Answer>, FindError> {
        let numbers = name.split_once('/').map(|(batch, job)| (batch.parse(), job.parse()));
        let Some((Ok(batch), Ok(job))) = numbers else { return Ok(None) };
        let Some(job) = orders::job(self.records, BatchId(batch), JobId(job))? else { return Ok(None) };
        let mut answer = self.tell("job", &job.loads)?;
        answer.job = Some(job.view);
        Ok(Some(answer.finished()))
    }

    fn tell(&self, kind: &'static str, keys: &[LoadKey]) -> Result<Answer, FindError> {
        let left_out = keys.len().saturating_sub(LOADS_TOLD_MAX);
        let mut loads = Vec::new();
        for key in &keys[left_out..] {
            loads.extend(answer_of_load(self.records, self.plant, *key)?);
        }
        let (subject, text) = (self.subject.to_owned(), Sentence::default());
        Ok(Answer { subject, kind, order: None, job: None, loads, left_out, text })
    }
}

impl Answer {
    /// With its text.
    fn finished(mut self) -> Self {
        let mut lines = Vec::new();
        if let Some(order) = &self.order {
            lines.push(order_line(order));
            order.jobs.iter().for_each(|job| job_lines(job, "  ", &mut lines));
            if order.jobs_left_out > 0 {
                lines.push(Sentence::new(
                    format!("  {} more jobs are left out", order.jobs_left_out),
                    format!("  작업 {}개는 생략됨", order.jobs_left_out),
                ));
            }
        }
        if let Some(job) = &self.job {
            job_lines(job, "", &mut lines);
        }
        if self.loads.is_empty() {
            lines.push(Sentence::new("there is no load of it to tell of", "설명할 화물이 없습니다"));
        }
        if self.left_out > 0 {
            lines.push(Sentence::new(
                format!("{} earlier loads are left out", self.left_out),
                format!("이전 화물 {}개는 생략됨", self.left_out),
            ));
        }
        for load in &self.loads {
            lines.push(load_line(load));
            let sentences = load.why.sentences.iter();
            lines.extend(
                sentences.map(|said| Sentence::new(format!("  {}", said.en), format!("  {}", said.ko))),
            );
        }
        let join =
            |pick: fn(&Sentence) -> &str| lines.iter().map(|line| format!("{}\n", pick(line))).collect();
        self.text = Sentence { en: join(|line| &line.en), ko: join(|line| &line.ko) };
        self
    }
}

fn load_line(load: &LoadAnswer) -> Sentence {
    let (en, ko) = match &load.why.outcome {
        Some(outcome) => {
            let ended = format!("{}, {}", outcome.outcome, outcome.reason);
            (ended.clone(), ended)
        }
        None => ("on the belt".to_owned(), "벨트 위".to_owned()),
    };
    let (id, at) = (&load.id, load.timeline.first().map_or("-", |entry| entry.at.as_str()));
    Sentence::new(format!("load {id}: {en}; first seen {at}"), format!("화물 {id}: {ko}; 처음 보임 {at}"))
}

fn pieces(pieces: PiecesView) -> Sentence {
    let (mut en, mut ko) = (
        format!("{} of {} pieces in a chute", pieces.picked, pieces.ordered),
        format!("{}개 중 {}개 슈트에 있음", pieces.ordered, pieces.picked),
    );
    for (count, word, ko_word) in
        [(pieces.cancelled, "cancelled", "취소"), (pieces.missing, "missing", "부족")]
    {
        if count > 0 {
            en += &format!(", {count} {word}");
            ko += &format!(", {count}개 {ko_word}");
        }
    }
    Sentence::new(en, ko)
}

fn order_line(order: &OrderView) -> Sentence {
    let said = pieces(order.pieces);
    let batches = order.core_ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (mut en, mut ko) = (
        format!("order {}/{}: {}, batch {batches}", order.owner, order.number, said.en),
        format!("주문 {}/{}: {}, 배치 {batches}", order.owner, order.number, said.ko),
    );
    if !order.chutes.is_empty() {
        let chutes = order.chutes.join(", ");
        en += &format!(", chute {chutes}");
        ko += &format!(", 슈트 {chutes}");
    }
    Sentence::new(en, ko)
}

fn job_lines(job: &JobView, indent: &str, lines: &mut Vec<Sentence>) {
    let (said, codes) = (pieces(job.pieces), job.codes.join(", "));
    let (batch, number, sku) = (job.core_id, job.job, &job.sku);
    let (owner, order) = (&job.owner, &job.order);
    lines.push(Sentence::new(
        format!(
            "{indent}job {batch}/{number} of order {owner}/{order}, sku {sku}, code {codes}: {}",
            said.en
        ),
        format!(
            "{indent}주문 {owner}/{order}의 작업 {batch}/{number}, 상품 {sku}, 코드 {codes}: {}",
            said.ko
        ),
    ));
    for load in &job.loads {
        let (en, ko) = match &load.ended {
            Some(ended) => (ended.as_str(), ended.as_str()),
            None => ("on the belt", "벨트 위"),
        };
        lines.push(Sentence::new(
            format!("{indent}  load {}: {en}", load.id),
            format!("{indent}  화물 {}: {ko}", load.id),
        ));
    }
    for missing in &job.missing {
        lines.push(Sentence::new(format!("{indent}  {}", missing.en), format!("{indent}  {}", missing.ko)));
    }
}
