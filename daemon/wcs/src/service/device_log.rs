//! Log events about devices, in words a person at the machine can act on. Logs only; what follows from a change is the
//! core's to decide.

use wcs_types::{DeviceFault, Input, LinkChange, Plant};

/// Logs a change of a link.
pub(super) fn tell(input: &Input, plant: &Plant) {
    let Input::Link { line, change } = input else { return };
    let name = plant.lines.get(usize::from(line.0)).map_or("?", |spec| spec.id.as_str());
    match change {
        LinkChange::Faulted(fault) => {
            tracing::warn!(line = name, "device faulted: {}", fault_text(fault));
        }
        LinkChange::Offline(reason) => tracing::warn!(line = name, ?reason, "device offline"),
        LinkChange::Fenced { owner } => {
            tracing::error!(line = name, newer_epoch = owner.0, "a newer owner commands the device");
        }
        LinkChange::Attached { owner } => tracing::info!(line = name, epoch = owner.0, "device attached"),
        _ => {}
    }
}

fn fault_text(fault: &DeviceFault) -> String {
    match fault {
        DeviceFault::WrongMagic { found } => {
            format!(
                "its magic register holds {found:#06x}: it does not speak this profile, or the unit id is wrong"
            )
        }
        DeviceFault::WrongVersion { found } => {
            format!("it speaks version {}.{} of the profile, another major version", found >> 8, found & 0xFF)
        }
        DeviceFault::TooFewLanes { found, needed } => {
            format!("it has lanes 1 to {found}, the plant file names lane {needed}: lanes must match")
        }
        DeviceFault::BadStatics { address, found } => {
            format!("register {address} holds {found}, which the profile does not allow")
        }
        DeviceFault::Exception { code, address } => {
            format!("it answers Modbus exception {code:02} at register {address}: check blocks and unit id")
        }
        DeviceFault::ScanAfterExit { item } => {
            format!("it scanned item {item}, which had left for good: its item table is in doubt")
        }
        DeviceFault::RecordsMissing { evt_ack_echo, expected } => format!(
            "it forgot events up to {}, but this journal lacks them from {} on: restore the journal",
            evt_ack_echo.0, expected.0
        ),
    }
}
