//! Taking ownership of a PLC life: the first block, and the proof that the PLC obeys it.
//!
//! ```text
//!   block written ──► header shows our epoch ──► static block shows our tag ──► pointers agree ──► Draining
//!        ▲                  │ not in time                │ another tag              │ they differ
//!        └─ again ──────────┴──► checks anew             └──► Fenced                └──► Met again
//! ```

use wcs_types::{Epoch, EventSeq, LinkChange, MonoTime, OfflineReason};

use super::commanding::Proof;
use super::control::{Addressing, Pointers};
use super::header::Header;
use super::meeting::is_foreign;
use super::session::SorterSession;
use super::stage::{Attaching, Purpose, Stage};
use super::statics::Statics;
use crate::exchange::Request;

impl SorterSession {
    /// The core decided how to attach. Ignored unless it is about the device being met.
    pub(super) fn begin_attach(&mut self, plc_epoch: Epoch, owner: Epoch, evt_ack: EventSeq) {
        let is_same = self.seen.is_some_and(|seen| seen.header.plc_epoch == plc_epoch);
        if self.stage != Stage::Meeting || !is_same {
            self.stats.stale_commands += 1;
            return;
        }
        self.claim = Some(owner);
        self.control.forget_written();
        let since = self.now;
        let attaching = Attaching { plc_epoch, owner, evt_ack, since, is_block_due: true, is_tag_due: false };
        self.stage = Stage::Attaching(attaching);
    }

    /// The words of the next control block.
    pub(super) fn write_control(&mut self, now: MonoTime) -> (Purpose, Request) {
        let owner = self.claim.expect("blocks are written by an owner");
        let (pointers, plc_epoch, wcs_life) = match self.stage {
            Stage::Attaching(Attaching { plc_epoch, evt_ack, .. }) => {
                let cmd_head = self.seen.map(|seen| seen.header.cmd_tail).unwrap_or_default();
                let pointers = Pointers { taken: evt_ack, ack: evt_ack, cmd_head };
                (pointers, plc_epoch, self.life.make_new(now))
            }
            _ => {
                let wcs_life = self.life.make(now, self.config.life_period);
                (self.pointers(), self.window.plc_epoch(), wcs_life)
            }
        };
        let permit = self.permit();
        let addressing = Addressing { owner, plc_epoch };
        let (block, words) = self.control.make(now, &self.config, addressing, wcs_life, (pointers, permit));
        (Purpose::Control(block), Request::Write { address: self.config.map.control_block.start, words })
    }

    pub(super) fn attaching_header(&mut self, now: MonoTime, mut attaching: Attaching, header: Header) {
        if now.since(attaching.since) > self.config.attach_timeout {
            self.go_offline(now, OfflineReason::NotAttached);
            return self.begin_checks(now);
        }
        let is_ours = header.owner_epoch == attaching.owner;
        if is_ours && header.link_state == self.config.words.link_states.ok {
            attaching.is_tag_due = true;
        } else if now >= self.control.due_at(&self.config) {
            attaching.is_block_due = true;
        }
        self.stage = Stage::Attaching(attaching);
    }

    pub(super) fn attaching_tag(&mut self, now: MonoTime, mut attaching: Attaching, statics: Statics) {
        if is_foreign(statics.owner_tag, self.config.owner_tag) {
            return self.fence(attaching.owner);
        }
        if statics.owner_tag != self.config.owner_tag {
            // It shows our epoch but nobody's tag: it has not taken our block yet.
            attaching.is_tag_due = false;
            attaching.is_block_due = true;
            self.stage = Stage::Attaching(attaching);
            return;
        }
        self.statics = Some(statics);
        let Some(header) = self.seen.map(|seen| seen.header) else {
            attaching.is_tag_due = false;
            self.stage = Stage::Attaching(attaching);
            return;
        };
        if header.evt_ack_echo != attaching.evt_ack {
            return self.meet(header, statics);
        }
        self.window.attach(now, &header, &statics, attaching.evt_ack);
        self.ring.attach(statics.cmd_slots, header.cmd_tail);
        self.proof = Proof::new(header.cmd_tail);
        self.generations.attach(header.plc_epoch);
        self.control.see_backlog(&header, statics.evt_slots);
        self.life.restart(now);
        self.is_window_full = false;
        self.report(LinkChange::Attached { owner: attaching.owner });
        self.stage = Stage::Draining { to: header.fifo_end() };
        self.report_lanes();
        self.finish_draining();
    }
}
