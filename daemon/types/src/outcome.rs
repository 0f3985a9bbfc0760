//! Where a load ended (`Outcome`) and why (`Reason`). Closed lists of `wcs-sorter-hs` section 8. A load has
//! exactly one current outcome; some outcomes may be replaced once, by `hand_sorted`.

use serde::{Deserialize, Serialize};

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
        }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word used in reports, metrics and on screens.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use named;

named! {
    /// Where a load ended. Append only: journals store the position.
    Outcome {
        /// In a lane bound to its class.
        Sorted = "sorted",
        /// Put into its chute by a person.
        HandSorted = "hand_sorted",
        /// In the exception lane.
        Exception = "exception",
        /// In the no-read lane.
        NoReadLane = "no_read_lane",
        /// In an overflow lane.
        Overflow = "overflow",
        /// In a lane bound to another class than commanded.
        Missorted = "missorted",
        /// Nobody knows.
        Lost = "lost",
        /// Taken off by hand.
        Removed = "removed",
        /// Cleared off the belt at a reset.
        Purged = "purged",
        /// The same label was seen again as a new load.
        Superseded = "superseded",
    }
}

impl Outcome {
    /// True when a person may still book the load as hand sorted.
    pub const fn may_be_hand_sorted(self) -> bool {
        matches!(self, Self::Exception | Self::NoReadLane | Self::Overflow | Self::Missorted)
    }
}

named! {
    /// Why a load was sent or ended where it was. Append only: journals store the position.
    Reason {
        /// Left at the first lane of its command.
        FirstChoice = "first_choice",
        /// Left at an alternative lane of the same class.
        Alternative = "alternative",
        /// Left at a lane of another class.
        WrongLane = "wrong_lane",
        /// The scanner read nothing.
        NoRead = "no_read",
        /// The scanner read codes of several jobs, or too many codes.
        MultiRead = "multi_read",
        /// The code did not have the form the scanner expects.
        BadFormat = "bad_format",
        /// The scanner did not work.
        ScannerDown = "scanner_down",
        /// The code belongs to no job of a batch on this line.
        UnknownCode = "unknown_code",
        /// The batch of the code is not running.
        BatchNotRunning = "batch_not_running",
        /// The batch of the code is paused.
        BatchPaused = "batch_paused",
        /// The order was cancelled.
        OrderCancelled = "order_cancelled",
        /// Every planned piece is done or on its way.
        OverQuantity = "over_quantity",
        /// No chute was free for the class.
        NoChute = "no_chute",
        /// The lane was full.
        LaneFull = "lane_full",
        /// The lane was closed.
        LaneClosed = "lane_closed",
        /// The lane had a fault.
        LaneFault = "lane_fault",
        /// No destination in time.
        Late = "late",
        /// The diverter missed the load.
        Missed = "missed",
        /// Too close to its neighbour, or overlapping it.
        Gap = "gap",
        /// The PLC refused the lane.
        InvalidLane = "invalid_lane",
        /// The PLC did not expect the load.
        Unexpected = "unexpected",
        /// The PLC lost track of the load, or nothing was heard of it over 1.5 paths of travel.
        TrackingLost = "tracking_lost",
        /// The PLC dropped events.
        EventLost = "event_lost",
        /// The PLC restarted while the load was on the belt.
        PlcRestart = "plc_restart",
        /// The PLC restarted and the load has no label to find it by.
        PlcRestartUnidentified = "plc_restart_unidentified",
        /// A person took it off the belt.
        ByHand = "by_hand",
        /// Cleared at a reset.
        Purge = "purge",
        /// The batch was closed with the piece missing.
        BatchClosed = "batch_closed",
        /// Another candidate ranked before it.
        RankedLower = "ranked_lower",
        /// What the PLC told of the load stopped this program again and again.
        Quarantined = "quarantined",
    }
}
