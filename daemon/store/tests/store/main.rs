//! What the store promises, shown on both engines: every behaviour runs on SQLite as a test of its own, and all of
//! them once more on one PostgreSQL server that the test starts.

#[cfg(test)]
mod batches;
#[cfg(test)]
mod checking;
#[cfg(test)]
mod databases;
#[cfg(test)]
mod intake;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod projecting;
#[cfg(test)]
mod server;
#[cfg(test)]
mod shifts;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod story;

use std::future::Future;
use std::pin::Pin;

use databases::Databases;

type Behaviour = fn(Databases) -> Pin<Box<dyn Future<Output = ()>>>;

/// Makes each behaviour a test on SQLite, and the list of all of them for PostgreSQL.
macro_rules! behaviours {
    ($($module:ident::$name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                super::run(|databases| Box::pin(super::$module::$name(databases)));
            })+
        }

        const ALL: &[(&str, Behaviour)] =
            &[$((stringify!($name), |databases| Box::pin($module::$name(databases)))),+];
    };
}

behaviours! {
    statements::every_statement_is_taken,
    statements::every_list_uses_an_index,
    plans::a_page_costs_what_it_shows,
    checking::a_broken_rule_is_named_with_its_row,
    migrations::a_second_opening_applies_nothing,
    migrations::a_missing_step_is_applied,
    migrations::a_newer_store_is_refused,
    migrations::a_changed_step_is_refused,
    intake::the_same_order_again_is_the_same_answer,
    intake::another_content_is_a_conflict_field_by_field,
    intake::a_bad_line_is_refused_alone_with_its_first_fault,
    intake::an_order_of_which_nothing_is_left_is_not_stored,
    intake::an_order_twice_in_one_list_is_stored_once,
    intake::an_order_is_cancelled_before_its_start_only,
    intake::a_sku_keeps_all_its_barcodes,
    intake::a_token_answers_once,
    lists::pages_hold_every_row_once,
    shifts::a_shift_is_closed_once,
    shifts::two_that_close_at_once_get_one_answer,
    shifts::missing_pieces_are_those_of_batches_that_ended_since,
    batches::a_reference_makes_one_batch,
    batches::orders_are_in_one_batch_at_most,
    batches::a_plan_fills_the_lines_it_names,
    batches::a_plan_that_does_not_fit_is_refused,
    batches::a_start_freezes_content_and_reads_it_back,
    batches::a_start_is_settled_or_taken_back,
    batches::a_new_plan_gets_a_new_id_above_the_journal,
    batches::batches_are_cancelled_and_merged,
    projecting::a_shift_is_projected_as_it_happened,
    projecting::a_rebuild_equals_the_live_store,
    projecting::a_missing_piece_that_turns_up_is_not_missing,
    projecting::store_and_journal_must_belong_together,
    projecting::a_second_projector_is_noticed,
    projecting::a_chunk_that_fails_half_way_is_applied_once,
}

#[test]
fn postgres_behaves_the_same() {
    let server = server::Server::start();
    for (at, (name, behaviour)) in ALL.iter().enumerate() {
        println!("{name}");
        let database = format!("wcs_{at}");
        runtime().block_on(async { behaviour(Databases::postgres(&server, &database).await).await });
    }
}

fn run(behaviour: Behaviour) {
    runtime().block_on(async { behaviour(Databases::sqlite()).await });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made")
}
