//! nmt.h from Rust.    rustc translate.rs -L native=FOLDER_OF_LIBNMT && ./translate model.gguf "the cat sat"
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::ptr::{null, null_mut};

#[repr(C)]
struct Error { status: c_int, message: [c_char; 1024] }
#[repr(C)]
struct Text { bytes: *const c_char, length: usize }
#[repr(C)]
struct Hypothesis { text: Text, log_probability: f64, score: f64 } // and more, which is not read here
#[repr(C)]
struct Outcome { hypotheses: *const *const Hypothesis, count: usize }

#[link(name = "nmt")]
extern "C" {
    fn nmt_open(model: *mut *mut c_void, path: *const c_char, header: c_int, err: *mut Error) -> c_int;
    fn nmt_close(model: *mut c_void);
    fn nmt_translator_new(t: *mut *mut c_void, model: *const c_void, options: *const c_void, err: *mut Error) -> c_int;
    fn nmt_translator_free(translator: *mut c_void);
    fn nmt_translate(t: *mut c_void, texts: *const Text, n: usize, out: *mut *const *const Outcome, err: *mut Error) -> c_int;
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let path = CString::new(arguments[1].as_str()).unwrap();
    let texts: Vec<Text> = arguments[2..].iter().map(|t| Text { bytes: t.as_ptr() as *const c_char, length: t.len() }).collect();
    let (mut model, mut translator, mut results) = (null_mut(), null_mut(), null());
    let mut err = Error { status: 0, message: [0; 1024] };
    unsafe {
        if nmt_open(&mut model, path.as_ptr(), 1, &mut err) != 0
            || nmt_translator_new(&mut translator, model, null(), &mut err) != 0
            || nmt_translate(translator, texts.as_ptr(), texts.len(), &mut results, &mut err) != 0 {
            eprintln!("{}", CStr::from_ptr(err.message.as_ptr()).to_string_lossy());
            std::process::exit(1);
        }
        for i in 0..texts.len() {
            let best = &**(**results.add(i)).hypotheses;
            println!("{}", CStr::from_ptr(best.text.bytes).to_string_lossy());
        }
        nmt_translator_free(translator);
        nmt_close(model);
    }
}
