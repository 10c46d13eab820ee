//! Every raw system call and every unsafe block of the workspace but the chunk store's map.
