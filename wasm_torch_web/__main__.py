"""`python -m wasm_torch_web` is the command `wasm-torch-web`."""

from wasm_torch_web.cli import main

if __name__ == "__main__":
    main()
