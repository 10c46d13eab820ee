//! Messages on the control socket.
