"""The door: composes a request with Hydra and checks it before anything is built."""
