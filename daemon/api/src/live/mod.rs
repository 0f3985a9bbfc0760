//! Live views: what runs now, from memory built from facts.

/// The live views, as handlers hold them.
#[derive(Clone, Debug, Default)]
pub struct LiveHandle;
