//! The plant of the engine's tests: one sorter with one lane for each chute.

use wcs_types::plant::{BlockBases, Transport};
use wcs_types::{ChuteKind, ChuteSpec, LaneNo, LineId, LineKind, LineSpec, LinkId, LinkSpec, Plant};

/// Chutes of these kinds at lanes 1, 2, 3, ...
pub(crate) fn plant(kinds: &[ChuteKind]) -> Plant {
    let chute = |(lane, kind): (u16, &ChuteKind)| ChuteSpec {
        id: format!("C{lane}"),
        line: LineId(0),
        kind: *kind,
        lanes: heapless::Vec::from_slice(&[LaneNo(lane)]).unwrap(),
    };
    let link =
        LinkSpec { id: "plc1".into(), endpoint: "127.0.0.1:502".into(), transport: Transport::ModbusTcp };
    let line = LineSpec {
        id: "sorter1".into(),
        kind: LineKind::Sorter,
        profile: "wcs-sorter-hs".into(),
        link: LinkId(0),
        unit_id: 1,
        lane_max: LaneNo(u16::try_from(kinds.len()).unwrap()),
        blocks: BlockBases::default(),
    };
    Plant {
        id: "test".into(),
        time_zone: "UTC".into(),
        day_start_minute: 0,
        links: vec![link],
        lines: vec![line],
        chutes: (1..).zip(kinds).map(chute).collect(),
    }
}
