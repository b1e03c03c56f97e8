# mypy: disallow-untyped-calls=False
"""The rules once more, in the fewest words, kept apart from the product: it imports nothing."""

NOBODY = (None, None, None)  # a deployment's role, license, and whom it stands by for
FRESH = {"slots": 0, "expires_at": None, "suspended": False, "revoked": False, "term": 0}


def refusal(*rules):
    return next((code for broken, code in rules if broken), None)


class Model:
    """A command returns the code of its refusal, or None; `steps` collects the states it led to."""

    def __init__(self):
        self.licenses, self.deployments, self.steps = {}, {}, []

    def actives(self, name):
        return [d for d, holds in self.deployments.items() if holds[:2] == ("active", name)]

    def status(self, name):
        lic = self.licenses.get(name, FRESH)
        is_past = (lic["expires_at"] or "never") < "2001"
        marks = ("revoked", lic["revoked"]), ("suspended", lic["suspended"]), ("expired", is_past)
        return next((status for status, marked in marks if marked), "valid")

    def change(self, name, fields=(), bound=(), terms=0):
        lic = self.licenses.get(name, FRESH) | dict(fields)
        self.licenses[name] = lic | {"term": lic["term"] + terms}
        for d, holds in bound:
            self.deployments.pop(d, None)  # so that whoever took the last slot is the last
            self.deployments[d] = holds
        self.steps.append((dict(self.licenses), dict(self.deployments)))

    def issue(self, name, slots):
        code = refusal((name in self.licenses, "license-already-issued"))
        return code or self.change(name, {"slots": slots})

    def alter(self, name, **fields):
        lic = self.licenses.get(name, FRESH)
        slots = fields.get("slots", lic["slots"])
        code = refusal(
            (name not in self.licenses, "unknown-license"),
            (lic["revoked"] and "revoked" not in fields, "license-revoked"),
            (slots < len(self.actives(name)), "slots-in-use"),
        )
        return code or (self.change(name, fields) if lic != lic | fields else None)

    def take(self, wanted, d, name, standby_for=None):
        role, bound, standing = self.deployments.get(d, NOBODY)
        if (role, bound) == (wanted, name) and standby_for in (None, standing):
            return None
        taken = wanted == "active" and len(self.actives(name))
        code = refusal(
            (name not in self.licenses, "unknown-license"),
            (self.status(name) != "valid", f"license-{self.status(name)}"),
            (bound not in (None, name), "bound-to-another-license"),
            (role == "backup" != wanted, "backup-cannot-activate"),
            (role == "active" != wanted, "active-cannot-be-backup"),
            (taken and taken == self.licenses.get(name, FRESH)["slots"], "no-free-slot"),
        )
        if not code and role == "backup":  # to stand by for another one, it leaves first
            self.change(name, (), [(d, NOBODY)])
        given = [(d, (wanted, name, standby_for))]
        return code or self.change(name, (), given, int(wanted == "active"))

    def leave(self, wanted, d):
        role, name, _ = self.deployments.get(d, NOBODY)
        code = refusal((role != wanted, "not-active" if wanted == "active" else "not-a-backup"))
        return code or self.change(name, (), [(d, NOBODY)], int(wanted == "active"))

    def nominate(self, d, replaces=None):
        role, name, standing = self.deployments.get(d, NOBODY)
        actives = self.actives(name)
        meant = replaces or (standing if standing in actives else None)
        code = refusal(
            (role != "backup", "not-a-backup"),
            (self.status(name) != "valid", f"license-{self.status(name)}"),
            (replaces not in (None, *actives), "replaced-is-not-active"),
            (meant is None and len(actives) > 1, "active-is-ambiguous"),
        )
        released = [(each, NOBODY) for each in actives if meant in (None, each)]
        return code or self.change(name, (), [*released, (d, ("active", name, None))], 1)
