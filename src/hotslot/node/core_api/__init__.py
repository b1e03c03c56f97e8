"""The calls of MetaDefender Core 5 that this instance answers; `docs/core-api.md` has them all.

- `access` knows who may ask: `accounts`, `sessions`, and `throttle` against guessed passwords;
  `admission` lets requests in by it.
- `login`, `license`, `config`, `engines` and `files` are the calls, by what they are about.
- `license_facts` is what the backend says of the license; `instead` what to do about a refusal.
- `errors` is how every failure is told; `routes` puts all calls on an application.
"""
