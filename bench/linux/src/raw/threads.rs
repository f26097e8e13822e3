//! Threads of the C library. The standard library's cost more (a stack for signals, a name, a handle that counts), and
//! what a thread costs is one of the things to measure.

use std::ffi::c_void;
use std::io::Error;
use std::marker::PhantomData;

/// A running thread, and the answer it will give. Dropped, it runs on, and its answer is lost.
#[derive(Debug)]
pub(crate) struct Thread<T> {
    id: libc::pthread_t,
    answer: PhantomData<T>,
}

/// Runs `body` on a new thread.
pub(crate) fn spawn<T, F>(body: F) -> Result<Thread<T>, Error>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let body = Box::into_raw(Box::new(body));
    let mut id = 0;
    // SAFETY: `id` is a place for the answer, and `run` gets the box that it is made for.
    let code = unsafe { libc::pthread_create(&raw mut id, std::ptr::null(), run::<T, F>, body.cast()) };
    if code != 0 {
        // SAFETY: no thread was made, so the box is still ours alone.
        drop(unsafe { Box::from_raw(body) });
        return Err(Error::from_raw_os_error(code));
    }
    Ok(Thread {
        id,
        answer: PhantomData,
    })
}

/// Where a thread begins. A panic in its body ends the program: none may leave a function of this kind.
extern "C" fn run<T, F>(body: *mut c_void) -> *mut c_void
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    // SAFETY: `spawn` made the box of this very type and gave it to this thread alone.
    let body = unsafe { Box::from_raw(body.cast::<F>()) };
    Box::into_raw(Box::new(body())).cast()
}

impl<T> Thread<T> {
    /// Waits for the thread to end: its answer.
    pub(crate) fn join(self) -> Result<T, Error> {
        let mut answer = std::ptr::null_mut();
        // SAFETY: the thread was never detached, and is joined once: this takes its handle.
        let code = unsafe { libc::pthread_join(self.id, &raw mut answer) };
        if code != 0 {
            return Err(Error::from_raw_os_error(code));
        }
        // SAFETY: the thread has ended by returning from `run`, whose result is a box of this type, for us alone.
        Ok(*unsafe { Box::from_raw(answer.cast::<T>()) })
    }
}
