"""What the fields of a customer are told from in a packed state: what was told before."""

from streamproc.state.bits cimport i64
from streamproc.state.days cimport Days, Shape
from streamproc.state.moments cimport Moments
from streamproc.state.names cimport Names


cdef struct Around:
    Shape shape
    Names names
    const double* decay
    i64 base_ms
    Moments moments
    Days days
