//! Loads as things: a label, pieces, and where they are. The PLC knows them only as items, the WCS only by label.
//! A slab with reused places; a token tells a mark of an earlier stay from one of now.

use wcs_types::Code;

use super::belt::Travel;

/// A load as it is handed to the feed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FeedLoad {
    /// Label on the load.
    pub label: Code,
    /// Order it was made for.
    pub order: String,
    /// Sku in it.
    pub sku: String,
    /// Pieces in it.
    pub qty: u32,
}

/// Place of a load in the slab.
pub(crate) type LoadIndex = u32;

/// Where a load is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// On the belt; its origin is the travel at which it was (or will be, after going round) at the induction.
    Belt { has_passed_scanner: bool },
    /// Between decision point and eye of `lane`; the PLC will report `result`.
    Divert { lane: u16, result: u16 },
    /// In a lane from which the exception operator takes it.
    Lane { lane: u16 },
    /// With a person, or waiting to come on the belt again.
    Hands,
}

/// What will go wrong on the current pass.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Fate {
    #[default]
    Fine,
    Missed,
    Missort,
    Lost {
        is_silent: bool,
    },
    Removed,
}

/// A load.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) feed: FeedLoad,
    /// Running number of the thing itself, from 1: labels may be shared, PLC numbers change.
    pub(crate) number: u64,
    pub(crate) attempt: u32,
    pub(crate) origin: Travel,
    pub(crate) place: Place,
    pub(crate) fate: Fate,
    /// Epoch and number the PLC knows it by; zeros when it does not.
    pub(crate) plc_epoch: u16,
    pub(crate) item: u32,
    /// The only token whose marks count.
    pub(crate) token: u64,
}

/// All loads that are not final.
#[derive(Debug, Default)]
pub(crate) struct Loads {
    places: Vec<Option<Load>>,
    free: Vec<LoadIndex>,
}

impl Loads {
    pub(crate) fn insert(&mut self, load: Load) -> LoadIndex {
        if let Some(index) = self.free.pop() {
            self.places[index as usize] = Some(load);
            return index;
        }
        self.places.push(Some(load));
        LoadIndex::try_from(self.places.len() - 1).expect("fewer loads than fit a belt and its lanes")
    }

    pub(crate) fn remove(&mut self, index: LoadIndex) -> Load {
        self.free.push(index);
        self.places[index as usize].take().expect("only a present load is removed")
    }

    pub(crate) fn at(&self, index: LoadIndex) -> &Load {
        self.places[index as usize].as_ref().expect("the load is present")
    }

    pub(crate) fn at_mut(&mut self, index: LoadIndex) -> &mut Load {
        self.places[index as usize].as_mut().expect("the load is present")
    }

    /// The load, when a mark with this token still counts.
    pub(crate) fn current(&self, index: LoadIndex, token: u64) -> Option<&Load> {
        self.places.get(index as usize)?.as_ref().filter(|load| load.token == token)
    }
}
