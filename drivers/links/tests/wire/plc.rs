//! The smallest PLC a link can be run against: it lives, takes blocks and owners, and has no events. Written
//! from the profile's page; faults are switched by the tests.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use wcs_specs::{Profile, SorterMap, SorterWords};
use wcs_types::plant::BlockBases;

use super::script::{Received, receive};

/// What the tests see and switch of a PLC.
pub(crate) struct Plc {
    /// Tables of the profile.
    pub(crate) map: SorterMap,
    /// Numbers of the profile.
    pub(crate) words: SorterWords,
    registers: Mutex<Vec<u16>>,
    started: Instant,
    /// Connections accepted.
    pub(crate) connections: AtomicU32,
    /// Requests answered for each unit 0 to 3.
    pub(crate) answered: [AtomicU64; 4],
    /// Unit 2 does not answer.
    pub(crate) is_unit_2_silent: AtomicBool,
    /// Closes every connection after the next request.
    pub(crate) cuts: AtomicBool,
}

impl Plc {
    /// A PLC on a free port, and its address. Unit 2 is a twin that shares nothing but the silence switch.
    pub(crate) async fn start() -> (Arc<Self>, String) {
        let profile = Profile::load("wcs-sorter-hs").unwrap();
        let map = SorterMap::resolve(&profile, &BlockBases::default()).unwrap();
        let words = SorterWords::resolve(&profile).unwrap();
        let mut registers = vec![0; 2 * 65_536];
        for unit in registers.chunks_mut(65_536) {
            prepare(&map, unit);
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let plc = Arc::new(Self {
            map,
            words,
            registers: Mutex::new(registers),
            started: Instant::now(),
            connections: AtomicU32::new(0),
            answered: [const { AtomicU64::new(0) }; 4],
            is_unit_2_silent: AtomicBool::new(false),
            cuts: AtomicBool::new(false),
        });
        let server = Arc::clone(&plc);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                server.connections.fetch_add(1, Ordering::SeqCst);
                let plc = Arc::clone(&server);
                tokio::spawn(async move {
                    while let Some(request) = receive(&mut stream).await {
                        if plc.cuts.swap(false, Ordering::SeqCst) {
                            break;
                        }
                        if request.unit == 2 && plc.is_unit_2_silent.load(Ordering::SeqCst) {
                            continue;
                        }
                        if stream.write_all(&plc.reply(&request)).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        (plc, address)
    }

    /// A register of unit 1.
    pub(crate) fn register(&self, address: usize) -> u16 {
        self.registers.lock().unwrap()[address]
    }

    /// Sets a register of unit 1.
    pub(crate) fn set_register(&self, address: usize, value: u16) {
        self.registers.lock().unwrap()[address] = value;
    }

    fn reply(&self, request: &Received) -> Vec<u8> {
        self.answered[usize::from(request.unit)].fetch_add(1, Ordering::SeqCst);
        let mut registers = self.registers.lock().unwrap();
        let unit = &mut registers[65_536 * usize::from(request.unit - 1)..][..65_536];
        unit[self.map.header.plc_life] = (self.started.elapsed().as_millis() / 100) as u16;
        let word = |at: usize| u16::from_be_bytes([request.pdu[at], request.pdu[at + 1]]);
        let (start, count) = (usize::from(word(1)), usize::from(word(3)));
        if request.pdu[0] == 3 {
            let mut pdu = vec![3, (count * 2) as u8];
            unit[start..start + count].iter().for_each(|word| pdu.extend(word.to_be_bytes()));
            return request.frame(&pdu);
        }
        let words: Vec<u16> = (0..count).map(|index| word(6 + index * 2)).collect();
        unit[start..start + count].copy_from_slice(&words);
        if start == usize::from(self.map.control_block.start) {
            self.take_block(unit, &words);
        }
        request.frame(&request.good_pdu())
    }

    fn take_block(&self, unit: &mut [u16], words: &[u16]) {
        let (at, head) = (self.map.control, self.map.header);
        let tag_at = usize::from(self.map.statics_block.start) + self.map.statics.owner_tag;
        let owner = wcs_types::Epoch(unit[head.owner_epoch]);
        let epoch = wcs_types::Epoch(words[at.wcs_epoch]);
        if epoch.is_newer_than(owner) || (epoch == owner && unit[tag_at] == words[at.owner_tag]) {
            unit[head.owner_epoch] = epoch.0;
            unit[tag_at] = words[at.owner_tag];
            unit[head.link_state] = self.words.link_states.ok;
            unit[head.wcs_life_echo] = words[at.wcs_life];
            unit[head.cmd_tail] = words[at.cmd_head];
        }
    }
}

fn prepare(map: &SorterMap, unit: &mut [u16]) {
    let (head, statics) = (map.header, map.statics);
    let base = usize::from(map.statics_block.start);
    for (at, value) in
        [(head.magic, map.magic), (head.version, map.version), (head.plc_epoch, 3), (head.state, 6)]
    {
        unit[at] = value;
    }
    for (at, value) in [
        (statics.lane_count, 8),
        (statics.evt_slots, 64),
        (statics.cmd_slots, 64),
        (statics.fifo_size, 4_096),
        (statics.plc_cycle_ms, 10),
        (statics.lane_noread, 7),
        (statics.lane_exception, 8),
        (statics.induction_count, 1),
    ] {
        unit[base + at] = value;
    }
}
