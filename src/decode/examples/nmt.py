"""nmt.h from Python, by ctypes alone.    python3 nmt.py model.gguf "the cat sat"

    import nmt
    model = nmt.Model("model.gguf", beam=4)
    print(model.translate(["the cat sat", "a dog ran"]), model.info("nmt.width"))
"""
import ctypes, os, sys, threading
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_double, c_int, c_size_t, c_uint64, c_void_p

def struct(name, **fields): return type(name, (Structure,), {"_fields_": list(fields.items())})
Error = struct("Error", status=c_int, message=c_char * 1024)
Text = struct("Text", bytes=c_char_p, length=c_size_t)
Options = struct("Options", size=c_size_t, header=c_int, threads=c_int, beam=c_int, n_best=c_int, length_alpha=c_double,
                 max_ratio=c_double, max_extra=c_int, max_length=c_int, min_length=c_int, no_repeat_ngram=c_int,
                 alignment=c_int, sentences=c_int, prefix=Text, sample=c_int, top_k=c_int, temperature=c_double, seed=c_uint64,
                 more=c_void_p, more_count=c_size_t, int8=c_int)
Hypothesis = struct("Hypothesis", text=Text, log_probability=c_double, score=c_double)
Result = struct("Result", hypotheses=POINTER(POINTER(Hypothesis)), count=c_size_t)
HEADER, here = 1, os.path.dirname(os.path.abspath(__file__))
beside = [os.path.join(here, *up, "libnmt.so.0") for up in (("..", "..", "lib"), ("..", "..", "..", "build", "release"))]
library = ctypes.CDLL(os.environ.get("NMT_LIBRARY") or next((p for p in beside if os.path.exists(p)), "libnmt.so.0"))
library.nmt_info.restype = c_char_p
def check(status, error):
    if status: raise RuntimeError(error.message.decode(errors="replace"))

class Model:
    def __init__(self, path, **options):
        self.model, self.translator, error, o = c_void_p(), c_void_p(), Error(), Options()
        self.lock = threading.Lock()  # one thread at a time may use a translator
        library.nmt_options_init(byref(o), c_size_t(ctypes.sizeof(o)), HEADER)
        for name, value in options.items():
            if name not in dict(Options._fields_):
                raise TypeError(f"options: expected a name of nmt_options, found {name!r}")
            setattr(o, name, value)
        check(library.nmt_open(byref(self.model), os.fsencode(path), HEADER, byref(error)), error)
        check(library.nmt_translator_new(byref(self.translator), self.model, byref(o), byref(error)), error)
    def info(self, key): return (library.nmt_info(self.model, key.encode()) or b"").decode()
    def translate(self, texts):  # the best translation of each
        if isinstance(texts, (str, bytes)): raise TypeError("translate: expected a list of strings, found one string")
        coded, results, error = [t.encode(errors="surrogateescape") for t in texts], POINTER(POINTER(Result))(), Error()
        array = (Text * len(coded))(*[(t, len(t)) for t in coded])
        with self.lock:
            check(library.nmt_translate(self.translator, array, c_size_t(len(coded)), byref(results), byref(error)), error)
            return [results[i][0].hypotheses[0][0].text.bytes.decode(errors="replace") for i in range(len(coded))]
    def __del__(self): library.nmt_translator_free(self.translator); library.nmt_close(self.model)
if __name__ == "__main__": print(*Model(sys.argv[1]).translate(sys.argv[2:]), sep="\n")
