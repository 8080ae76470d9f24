//! The core driven step by step, and the packet craft by itself: for tests in Python.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyList};
use wiresnake_core::coalesce::Coalescer;
use wiresnake_core::joined::Span;
use wiresnake_core::segment::Train;
use wiresnake_core::{decode, encode, stepped};

use crate::commands;

/// Bytes before each packet of a batch, as a transport message has them.
const HEADROOM: usize = 16;

/// The core with virtual time and no descriptor.
#[pyclass(module = "wiresnake.plane._native", unsendable)]
pub struct Stepped(stepped::Stepped);

#[pymethods]
impl Stepped {
    /// Take a source of randomness, called with a number of bytes.
    #[new]
    fn new(random: Py<PyAny>) -> Self {
        Self(stepped::Stepped::new(Box::new(move |to| {
            Python::attach(|py| {
                let drawn = random.call1(py, (to.len(),)).expect("the test's randomness");
                to.copy_from_slice(drawn.extract(py).expect("as many bytes as were asked for"));
            });
        })))
    }

    /// Carry out an encoded batch. Raises `ValueError`, and then nothing happened.
    fn apply(&mut self, batch: &Bound<'_, PyByteArray>, now: f64) -> PyResult<()> {
        self.0.apply(commands(batch)?, now).map_err(|fault| PyValueError::new_err(fault.0))
    }

    /// Return the notices since the last drain, encoded.
    fn drain<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &encode::notices(&self.0.drain()))
    }

    /// Return whether a drain is due.
    fn has_notices(&self) -> bool {
        self.0.has_notices()
    }

    /// Return snapshots of the peers in an encoded list of numbers, encoded.
    fn observe<'py>(&self, py: Python<'py>, numbers: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let numbers = decode::numbers(numbers).map_err(|fault| PyValueError::new_err(fault.0))?;
        let peers: Vec<_> =
            numbers.iter().filter_map(|one| Some((*one, self.0.peer(*one)?))).collect();
        Ok(PyBytes::new(py, &encode::observed(&peers)))
    }

    /// Return every counter and depth.
    fn counters(&self) -> std::collections::HashMap<&'static str, u64> {
        self.0.counters().into_iter().collect()
    }

    /// Take a packet from the inner side.
    fn inner(&mut self, packet: &[u8], now: f64) {
        self.0.inner(packet, now);
    }

    /// Take a datagram from the network that came along an encoded path.
    fn outer(&mut self, datagram: &[u8], path: &[u8], now: f64, tos: u8) -> PyResult<()> {
        let path = decode::path(path).map_err(|fault| PyValueError::new_err(fault.0))?;
        self.0.outer(datagram, &path, now, tos);
        Ok(())
    }

    /// Return what was sent since the last call: encoded ways, datagrams and traffic classes.
    fn take_sent<'py>(
        &mut self,
        py: Python<'py>,
    ) -> Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>, u8)> {
        let sent = self.0.take_sent().into_iter();
        sent.map(|(way, datagram, tos)| {
            (PyBytes::new(py, &encode::way(&way)), PyBytes::new(py, &datagram), tos)
        })
        .collect()
    }

    /// Return the packets delivered inward since the last call.
    fn take_packets<'py>(&mut self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        self.0.take_packets().iter().map(|packet| PyBytes::new(py, packet)).collect()
    }
}

/// Cut a frame, a virtio header and a packet, into its segments. Raises `ValueError`.
#[pyfunction]
pub fn cut<'py>(py: Python<'py>, frame: &[u8]) -> PyResult<Bound<'py, PyList>> {
    let mut frame = frame.to_vec();
    let train =
        Train::read(&mut frame).map_err(|fault| PyValueError::new_err(fault.to_string()))?;
    let packet = &frame[wiresnake_core::virtio::SIZE..];
    let segments = (0..train.count()).map(|index| {
        let mut segment = vec![0; train.length(index)];
        train.write(packet, index, &mut segment);
        PyBytes::new(py, &segment)
    });
    PyList::new(py, segments.collect::<Vec<_>>())
}

/// Join packets to frames, each a virtio header and what follows it.
#[pyfunction]
#[allow(clippy::needless_pass_by_value, reason = "Python gives lists away")]
pub fn join(
    py: Python<'_>,
    packets: Vec<Vec<u8>>,
    tso: bool,
    uso: bool,
) -> PyResult<Bound<'_, PyList>> {
    let mut buffer = Vec::new();
    let mut spans = Vec::new();
    for packet in &packets {
        buffer.resize(buffer.len() + HEADROOM, 0);
        let start = buffer.len() as u32;
        buffer.extend_from_slice(packet);
        spans.push(Span { start, end: buffer.len() as u32 });
    }
    let mut coalescer = Coalescer::new(tso, uso);
    for span in spans {
        coalescer.add(&buffer, span);
    }
    let frames = coalescer.take(&buffer).iter().map(|frame| {
        let mut bytes = frame.head().to_vec();
        frame.payloads().for_each(|payload| bytes.extend_from_slice(&buffer[payload.range()]));
        PyBytes::new(py, &bytes)
    });
    PyList::new(py, frames.collect::<Vec<_>>())
}
