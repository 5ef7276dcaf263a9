"""Every coded error of the project, in one table; `errors` makes exceptions of its rows.

A row is `slug: (number, kind, message, hint)`; code generation hands the same rows to TypeScript
and C++. Messages say what and where, hints say what to do next; both are `str.format` templates.
The kind decides the type and the exit code, so that a user's mistake and a bug of ours never
look alike.
"""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """Whose turn it is; the value is the exit code of the command line."""

    USER = 1
    USAGE = 2
    MISMATCH = 3
    ENVIRONMENT = 4
    BUG = 70


U, S, M, E, B = Kind.USER, Kind.USAGE, Kind.MISMATCH, Kind.ENVIRONMENT, Kind.BUG

ROWS: dict[str, tuple[int, Kind, str, str]] = {
    # 1xx: what the user hands over
    "usage": (100, S, "{reason}", "Run `{command} --help`."),
    "source-missing": (101, U, "{path}: no such file or folder", "Check the path."),
    "source-empty": (102, U, "{path}: the file is empty", "Save the model again."),
    "source-damaged": (
        103,
        U,
        "{path}: this looks like a {kind}, but it cannot be read: {reason}",
        "The file may be truncated; save or download it again.",
    ),
    "source-unknown": (
        104,
        U,
        "{path}: not a model file that this tool knows ({reason})",
        "Give a torch.export archive, a TorchScript archive, a state dict (.pth, .safetensors) "
        "with --model, or a Hugging Face folder.",
    ),
    "model-needed": (
        105,
        U,
        "{path}: a state dict holds weights but no architecture",
        "Name the code that makes the module: --model package.module:factory or "
        "--model file.py:factory.",
    ),
    "model-not-found": (
        106,
        U,
        "--model {model}: {reason}",
        "Use package.module:factory or file.py:factory; the factory takes no arguments and "
        "returns an nn.Module.",
    ),
    "pickle-refused": (
        107,
        U,
        "{path}: loading this file would run code that it carries ({reason})",
        "If you trust where it comes from, add --trust-pickle; otherwise save the module with "
        "wasm_torch_web.save() or torch.export.save().",
    ),
    "state-dict-mismatch": (
        108,
        U,
        "{path}: the weights do not fit the module of --model: {reason}",
        "Name the factory of the very architecture that was saved.",
    ),
    "examples-missing": (
        109,
        U,
        "{path}: no example inputs for the module",
        "Give --input NAME=DTYPE:1x3x224x224 for each input, or define example_inputs beside "
        "the factory.",
    ),
    "input-spec": (
        110,
        U,
        "--input {spec}: {reason}",
        "Use NAME=DTYPE:1x3x224x224, NAME=DTYPE[1,3,224,224](LO..HI) or NAME=@file.npy.",
    ),
    "dynamic-spec": (
        111,
        U,
        "--dynamic {spec}: {reason}",
        "Use NAME.AXIS=MIN..MAX or NAME.AXIS=SYMBOL:MIN..MAX; the inputs are: {inputs}.",
    ),
    "archive-type-missing": (
        112,
        U,
        "{path}: the archive uses the {what} {name}, which is not loaded",
        "Import the module that registers it: --import {module}.",
    ),
    "weights-suspicious": (
        113,
        U,
        "{path}: tensor {name}: {reason}",
        "Only dense tensors whose size agrees with the file are taken; save the weights again.",
    ),
    "scripted-control-flow": (
        114,
        U,
        "{path}: TorchScript with control flow ({reason}) cannot be converted",
        "Export the original nn.Module: wasm_torch_web.save(module, example_inputs, path).",
    ),
    "out-exists": (
        115,
        U,
        "{path}: exists and was not written by this tool",
        "Choose another --out, or add --force to replace it.",
    ),
    "out-unwritable": (116, U, "{path}: cannot be written: {reason}", "Choose another path."),
    "name-invalid": (
        117,
        U,
        "{name!r} is not a valid npm package {what}",
        "Give --name such as my-model and --version such as 1.2.3.",
    ),
    "model-failed": (
        118,
        U,
        "the module failed on its example inputs: {reason}",
        "Run module(*example_inputs) in Python first; it must work there.",
    ),
    "import-failed": (
        119,
        U,
        "--import {module}: {reason}",
        "The module must be importable from the current folder or through PYTHONPATH.",
    ),
    "pickle-needs-code": (
        120,
        U,
        "{path}: the pickled object needs code that cannot be imported: {reason}",
        "Run the command in the folder of that code, or set PYTHONPATH.",
    ),
    "examples-invalid": (
        121,
        U,
        "example_inputs: {reason}",
        "Give a tuple of inputs, a dict of keyword inputs, or (args, kwargs), as forward takes "
        "them.",
    ),
    "tokenizer-invalid": (
        122,
        U,
        "{path}: not a Hugging Face tokenizer.json ({reason})",
        "Give that file or its folder; AutoTokenizer.from_pretrained(MODEL).save_pretrained(DIR) "
        "writes one.",
    ),
    "preprocess-spec": (
        123,
        U,
        "--preprocess {spec}: {reason}",
        "Use [INPUT=]image[:resize=256,crop=224,mean=0.485/0.456/0.406,std=0.229/0.224/0.225] or "
        "[INPUT=]audio:rate=16000; the README lists all settings.",
    ),
    "labels-invalid": (
        124,
        U,
        "--labels {path}: {reason}",
        "Give a file with one label a line, or JSON: a list, or index to label (a config.json of "
        "Hugging Face will do).",
    ),
    "license-invalid": (
        125,
        U,
        "{license!r} is no SPDX licence expression",
        "Give --license such as MIT (https://spdx.org/licenses lists them); for none, UNLICENSED.",
    ),
    "image-invalid": (
        126,
        U,
        "{image!r} is no name and tag of an image",
        "Give --image such as registry.example.com/team/model:1.0.0.",
    ),
    "out-edited": (
        127,
        U,
        "{path}: {file} is not as this tool wrote it",
        "Choose another --out, or add --force to replace the folder with all that is in it.",
    ),
    "path-failed": (
        128,
        U,
        "{path}: {reason}",
        "Choose another path, or see to its permissions and to the room on its disk.",
    ),
    # 2xx: capture and lowering
    "capture-failed": (
        201,
        U,
        "torch.export could not capture the model: {reason}",
        "Run torch.export.export(module, args) in Python; what it reports must be resolved there.",
    ),
    "axis-specialised": (
        202,
        U,
        "axis {axis} was asked to be dynamic, but the model fixes it to {value}: {reason}",
        "Leave out --dynamic for this axis, or change the code that depends on its size.",
    ),
    "training-program": (
        203,
        U,
        "the program was captured in training mode ({reason})",
        "Call module.eval() before torch.export.export and save it again.",
    ),
    "operators-unsupported": (
        204,
        U,
        "{count} operator(s) are not supported yet: {ops}",
        "Replace them in the model, or ask for them; docs/operators.md lists what is supported.",
    ),
    "dtype-unsupported": (
        205,
        U,
        "{op} on {dtype} is not supported ({where})",
        "Convert the tensor to a dtype that docs/operators.md lists for {op}.",
    ),
    "hidden-state": (
        206,
        U,
        "the module changes the attribute {attribute} in forward, which the export loses",
        "Keep the state in a buffer (register_buffer) and update it in place.",
    ),
    "packed-sequence": (
        207,
        U,
        "packed sequences cannot be exported",
        "Call the recurrent layer on the padded tensor and mask its output.",
    ),
    "name-collision": (
        208,
        U,
        "two {what} are named {name}",
        "Rename one of them in the model's signature.",
    ),
    "symbol-unsupported": (
        209,
        U,
        "the size {expr} of {where} cannot be evaluated at run time",
        "Make this size static, or simplify how the model computes it.",
    ),
    "size-unbounded": (
        218,
        U,
        "the data decides the size {size} ({where}), and nothing says how large it can get",
        "Bound it in the model: torch._check(n <= LIMIT) after n = x.item(), or output_size.",
    ),
    "control-flow": (
        219,
        U,
        "torch.{what} ({where}) {reason}",
        "Give branches and rounds the same shapes and dtypes, or write the model without it.",
    ),
    "dynamic-on-archive": (
        210,
        U,
        "--dynamic cannot change an archive: its axes were fixed when it was exported",
        "Export again with dynamic_shapes, or build from the module with --model.",
    ),
    "quantize-kind": (231, U, "quantize: {kind} is none of {kinds}", "Name one of them."),
    "quantize-skip": (
        232,
        U,
        "no weight of the model has a name like {pattern}",
        "`wasm-torch-web inspect PKG --json` lists the weights.",
    ),
    "quantize-drift": (
        233,
        M,
        "rounding the weights moves {output} by {error} of its norm, more than {limit}",
        "Leave some weights as they are (--skip), or allow more (--max-error).",
    ),
    "quantize-package": (
        234,
        U,
        "{path}: a package, whose weights are arranged for the browser already",
        "Name what it was built from (--source SOURCE); --quantize fp16 can do without.",
    ),
    "quantize-size": (
        235,
        U,
        "the weights take {smallest} at least, which is more than {target}",
        "Allow more (--target-size), or ways with fewer bits (--quantize auto), or skip less.",
    ),
    "quantize-accuracy": (
        236,
        M,
        "{function} gives {score}, less than {least}; with float32 weights {plain}",
        "Leave some weights as they are (--skip), or allow less (--min-accuracy).",
    ),
    "function-failed": (
        237,
        U,
        "{option} {function}: {reason}",
        "Use package.module:function or file.py:function; {expected}.",
    ),
    "calibration-empty": (
        238,
        U,
        "--calibration {given}: no inputs",
        "Name files or folders of .npy, .npz, .json, .jsonl, pictures or sounds, or a function.",
    ),
    "io-type-unsupported": (
        211,
        U,
        "{what} {name} has the type {type}, which a web page cannot pass",
        "Use tensors, numbers, booleans, and tuples, lists, dicts or dataclasses of them.",
    ),
    # 3xx: packages and files
    "package-missing": (301, U, "{path}: not a package of this tool", "Run the build first."),
    "manifest-invalid": (
        302,
        U,
        "{path}: {reason}",
        "The package is damaged or was changed by hand; build or install it again.",
    ),
    "file-missing": (
        303,
        U,
        "{path}: the file is missing from the package",
        "Build or install the package again. Where a bundler emits no assets (esbuild, Rollup), "
        "run `npx PACKAGE copy DIR` and give load() the address of DIR as baseUrl.",
    ),
    "file-corrupt": (
        304,
        U,
        "{path}: {reason}",
        "The file does not match its SHA-256; download or build it again.",
    ),
    "abi-mismatch": (
        305,
        U,
        "the plan needs runtime ABI {needed}, this runtime has ABI {found}",
        "The files come from two versions of the package; install it again.",
    ),
    "plan-invalid": (
        306,
        U,
        "plan.bin is not valid: {reason}",
        "The package is damaged; build or install it again.",
    ),
    # 4xx: loading in a browser or in Node
    "wasm-unsupported": (
        401,
        E,
        "this browser has no WebAssembly SIMD ({reason})",
        "Use Chrome 91, Firefox 89, Safari 16.4 or newer.",
    ),
    "csp-blocks-wasm": (
        402,
        E,
        "the page's Content-Security-Policy forbids WebAssembly",
        "Add 'wasm-unsafe-eval' to script-src.",
    ),
    "worker-failed": (
        403,
        E,
        "the worker could not start ({reason})",
        "Check that {file} is served as JavaScript from the page's origin, that worker-src of a "
        "Content-Security-Policy allows it and, when the page "
        "sends Cross-Origin-Embedder-Policy, that the worker file sends it too.",
    ),
    "fetch-failed": (
        404,
        E,
        "{url}: {reason}",
        "Check that the file is served; give baseUrl when the files lie elsewhere.",
    ),
    "aborted": (405, U, "the operation was aborted", "Start it again when it is wanted."),
    "out-of-memory": (
        406,
        E,
        "not enough memory: {bytes} more bytes were needed",
        "Close other pages, or use a smaller model or batch.",
    ),
    "disposed": (407, U, "the model was disposed", "Load it again."),
    "worker-died": (408, E, "the model's worker stopped: {reason}", "Load the model again."),
    "option-invalid": (409, S, "load option {name}: {reason}", "See LoadOptions in runtime.d.ts."),
    "download-broken": (
        410,
        E,
        "{url}: the download broke off at byte {byte}: {reason}",
        "Check the connection and load again; files that came whole are not downloaded again where "
        "the browser keeps them.",
    ),
    # 5xx: the inputs of a run
    "input-missing": (501, U, "input {name} is missing", "The inputs are: {inputs}."),
    "input-unknown": (502, U, "there is no input {name}", "The inputs are: {inputs}."),
    "input-dtype": (
        503,
        U,
        "input {name} has dtype {given}, expected {expected}",
        "Give {expected}.",
    ),
    "input-shape": (
        504,
        U,
        "input {name} has shape {given}, expected {expected}",
        "Give a shape that fits {expected}.",
    ),
    "input-size": (
        505,
        U,
        "input {name} has {given} elements, its shape {shape} needs {expected}",
        "Give as many elements as the shape says.",
    ),
    "size-out-of-range": (
        506,
        U,
        "size {symbol} is {given}, allowed is {min} to {max}",
        "Give inputs within the range that the model was built for.",
    ),
    "size-mismatch": (
        507,
        U,
        "input {name} has size {given} in axis {axis}, expected {expected}",
        "Sizes with the same name must agree across inputs.",
    ),
    "guard-failed": (
        508,
        U,
        "the inputs' sizes do not satisfy {guard}",
        "The model only works for sizes that satisfy it.",
    ),
    "index-out-of-range": (
        509,
        U,
        "{op}: index {index} is out of range for size {bound} ({where})",
        "Check the indices (token ids, class ids) in the inputs.",
    ),
    "input-scalar": (
        510,
        U,
        "input {name} must be {expected}, given {given}",
        "Give a plain {expected}.",
    ),
    "state-dirty": (
        511,
        U,
        "an earlier run failed or was aborted after it had begun to change the model's state",
        "Call reset() first.",
    ),
    "matrix-singular": (
        512,
        U,
        "{op}: matrix {matrix} of the batch is singular, pivot {order} is 0 ({where})",
        "It has no inverse; check the inputs.",
    ),
    "matrix-not-definite": (
        513,
        U,
        "{op}: matrix {matrix} of the batch is not positive-definite, its leading minor of order "
        "{order} is not positive ({where})",
        "Only symmetric positive-definite matrices have a Cholesky factor; check the inputs.",
    ),
    "input-unreadable": (
        514,
        U,
        "input {name}: {reason}",
        "Give {allowed}.",
    ),
    "run-timeout": (
        520,
        U,
        "the run took longer than {seconds} s, and was ended",
        "Give smaller inputs, or a larger limit (--timeout).",
    ),
    "run-input": (
        521,
        U,
        "{path}: {reason}",
        "Give inputs as .json, .npy, .npz, a picture, a .wav file, a .jsonl file or a folder of "
        "such files.",
    ),
    "input-not-finite": (
        515,
        U,
        "input {name} has {value} at {index}",
        "Give finite numbers: with onInvalid 'error' (--on-invalid error) no others are taken.",
    ),
    "output-not-finite": (
        524,
        U,
        "output {name} has {value} at {index}",
        "Check the inputs: this service gives finite numbers alone.",
    ),
    "runs-failed": (
        523,
        U,
        "{count} of the runs failed",
        "Their lines in {path} say why.",
    ),
    "run-changed": (
        522,
        U,
        "{path}: begun with other inputs",
        "Remove it to begin anew, or give the inputs that it was begun with.",
    ),
    # 6xx: verification and environment
    "outputs-differ": (
        601,
        M,
        "{count} output(s) differ from PyTorch: {outputs}",
        "Run `wasm-torch-web bisect PKG --source SOURCE` to find the first operator that does.",
    ),
    "no-chromium": (
        602,
        E,
        "no Chromium was found to verify in",
        "Install Chromium (or set CHROMIUM to its path), then run `wasm-torch-web validate PKG`.",
    ),
    "browser-failed": (603, E, "the browser failed: {reason}", "Run `wasm-torch-web doctor`."),
    "runtime-missing": (
        604,
        E,
        "the compiled runtime is missing from this installation ({path})",
        "In a checkout run `make runtime`; otherwise install the wheel again.",
    ),
    "source-differs": (
        605,
        U,
        "{source} is not the model that {package} was built from: {reason}",
        "Give the source that the package was built from.",
    ),
    "bisect-quantized": (
        616,
        U,
        "{package}: its weights are rounded, its values are not those of PyTorch",
        "Run `wasm-torch-web validate PKG --source SOURCE`, or bisect a build without --quantize.",
    ),
    "package-needed": (
        606,
        E,
        "{path}: a Hugging Face folder needs the Python package {package}",
        "Run `pip install {package}`, or name the module's factory with --model.",
    ),
    "address-unavailable": (
        607,
        E,
        "{address}: cannot be served there: {reason}",
        "Choose another --port or --host.",
    ),
    "tools-missing": (
        608,
        E,
        "a build lacks {tools}",
        "Mend this, then run `wasm-torch-web doctor` again.",
    ),
    "pillow-missing": (
        620,
        E,
        "{path}: reading pictures needs the Python package pillow",
        "Run `pip install 'wasm-torch-web[images]'`.",
    ),
    "extra-needed": (
        609,
        E,
        "{option} needs packages that are not installed",
        "Run `pip install 'wasm-torch-web[{extra}]'`.",
    ),
    "cluster-failed": (
        630,
        E,
        "the Ray cluster failed: {reason}",
        "Check --ray-address, and that every node has this version of wasm-torch-web; the same "
        "command again goes on behind what is done.",
    ),
    # 7xx: the inference service
    "request-invalid": (701, U, "{reason}", "Send what the Open Inference Protocol says."),
    "model-unknown": (702, U, "there is no model {name}", "The models are: {models}."),
    "output-unknown": (703, U, "there is no output {name}", "The outputs are: {outputs}."),
    "body-too-large": (704, U, "the request has more than {limit}", "Send less; tensors as bytes."),
    "body-late": (705, U, "the body did not come within {seconds} s", "Send it faster."),
    "body-encoded": (706, U, "encoded bodies are not taken", "Send it without Content-Encoding."),
    "rate-exceeded": (707, U, "more than {rate:g} requests a second", "Send it again later."),
    "queue-full": (708, U, "{limit} requests wait for {name}", "Send it again later."),
    "request-late": (709, U, "no worker was free within {seconds} s", "Send it again later."),
    "worker-lost": (710, U, "the worker of this request ended", "Send it again."),
    "model-twice": (
        711,
        U,
        "two packages hold {name} {version}",
        "Serve one of them, or build them with different names or versions.",
    ),
    "room-full": (712, U, "requests under way take {limit} bytes", "Send it again later."),
    # 9xx: bugs of ours
    "internal": (901, B, "internal error: {reason}", "Please report it with the command."),
    "kernel-refused": (
        902,
        B,
        "{op} refused its operands ({where}): {reason}",
        "Please report it with the model.",
    ),
}
