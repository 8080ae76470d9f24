//! The native plane for Python: bytes in, bytes out, and the interpreter's lock given up meanwhile.
//!
//! What crosses is what `wiresnake.door` defines, in msgpack; `wiresnake.plane.native` wraps it.

mod stepped;

use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd};

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};
use wiresnake_core::commands::Command;
use wiresnake_core::decode;
use wiresnake_plane::inner::Inside;
use wiresnake_plane::plane::{Plane, sockets};
use wiresnake_plane::udp::duplicate;
use zeroize::Zeroizing;

/// A data plane: threads of its own between the inner side and the network.
#[pyclass(module = "wiresnake.plane._native", name = "Plane", frozen)]
struct NativePlane(std::sync::Mutex<Option<Plane>>);

#[pymethods]
impl NativePlane {
    /// Start a plane over a duplicate of the descriptor `inner`.
    #[new]
    fn new(
        inner: i32,
        vnet_header: bool,
        tso: bool,
        uso: bool,
        workers: Option<usize>,
    ) -> PyResult<Self> {
        let inside = Inside::new(duplicate(inner)?, vnet_header, tso, uso);
        Ok(Self(std::sync::Mutex::new(Some(Plane::start(inside, workers)?))))
    }

    /// Carry out an encoded batch. The descriptors in it stay the caller's; the plane has copies.
    /// Raises `ValueError`, and then nothing happened.
    fn apply(&self, py: Python<'_>, batch: &Bound<'_, PyByteArray>) -> PyResult<()> {
        let commands = commands(batch)?;
        let mut outer = Vec::new();
        for command in &commands {
            if let Command::Sockets { v4, v6 } = command {
                outer.push(sockets(copy(*v4)?, copy(*v6)?));
            }
        }
        py.detach(|| self.with(|plane| plane.apply(commands, outer)))?
            .map_err(|fault| PyValueError::new_err(fault.0))
    }

    /// Return the notices since the last drain, encoded, and why the plane cannot go on, if so.
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyBytes>, Option<String>)> {
        let (notices, failure) = py.detach(|| self.with(Plane::drain))?;
        Ok((PyBytes::new(py, &wiresnake_core::encode::notices(&notices)), failure))
    }

    /// Return snapshots of the peers in an encoded list of numbers, encoded.
    fn observe<'py>(&self, py: Python<'py>, numbers: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let numbers = decode::numbers(numbers).map_err(|fault| PyValueError::new_err(fault.0))?;
        let observed = py.detach(|| self.with(|plane| plane.observe(&numbers)))?;
        Ok(PyBytes::new(py, &observed))
    }

    /// Return every counter and depth.
    fn counters(&self) -> PyResult<HashMap<String, u64>> {
        self.with(|plane| plane.counters().into_iter().collect())
    }

    /// Return a descriptor that is readable while there is something to drain.
    fn fileno(&self) -> PyResult<i32> {
        self.with(|plane| plane.due().as_raw_fd())
    }

    /// End the threads and close the descriptors; idempotent.
    fn close(&self, py: Python<'_>) {
        py.detach(|| {
            let plane = self.0.lock().map(|mut plane| plane.take());
            drop(plane);
        });
    }
}

impl NativePlane {
    fn with<T>(&self, act: impl FnOnce(&Plane) -> T) -> PyResult<T> {
        let plane = self.0.lock().map_err(|_| PyRuntimeError::new_err("the plane failed"))?;
        plane.as_ref().map(act).ok_or_else(|| PyRuntimeError::new_err("the plane is closed"))
    }
}

/// Reads a batch; the copy of it, in which session keys may be, is erased.
fn commands(batch: &Bound<'_, PyByteArray>) -> PyResult<Vec<Command>> {
    let batch = Zeroizing::new(batch.to_vec());
    decode::commands(&batch).map_err(|fault| PyValueError::new_err(fault.0))
}

fn copy(descriptor: Option<i32>) -> PyResult<Option<OwnedFd>> {
    descriptor
        .map(duplicate)
        .transpose()
        .map_err(|error| PyValueError::new_err(format!("a socket cannot be taken over: {error}")))
}

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::NativePlane;
    #[pymodule_export]
    use super::stepped::{Stepped, cut, join};
}
