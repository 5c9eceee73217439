# Where pages and pictures stand in the report, and under which names. No rules here.
ANSWER, COMPARISON, EFFECTS = "1 Answer", "2 Comparison", "3 Effects"
MISTAKES, PUBLISHED, WEIGHTS = "4 Mistakes", "5 Published and claims", "6 Weights and network"
TABLES, CURVES = "7 Tables", "8 Curves"
FOLDER = "results/{dataset}/{study}"
# A report of several studies must tell them apart. Only the target `published` makes one.
OF_STUDY = {"study": "{study}"} if "published" in sys.argv else {}


def page(name, category, what, subcategory=None):
    """An HTML page about a study. Its caption has the same name."""
    labels = {**OF_STUDY, "what": what}
    shown = {"caption": f"../report/{name}.rst", "category": category, "subcategory": subcategory, "labels": labels}
    return report(f"{FOLDER}/{name}.html", **shown)


def graph(name, category, what, caption=None):
    """A graph about a study, as svg in the report and as png on disk. Its caption has the same name if none is given."""
    labels, text = {**OF_STUDY, "what": what}, f"../report/{caption or name}.rst"
    shown = report(f"{FOLDER}/{name}.svg", caption=text, category=category, labels=labels)
    return {"svg": shown, "png": f"{FOLDER}/{name}.png"}


def picture(name, category, caption, subcategory=None, **labels):
    """A picture of pixels, which has no svg."""
    text, labels = f"../report/{caption}.rst", {**OF_STUDY, **labels}
    return report(f"{FOLDER}/{name}.png", caption=text, category=category, subcategory=subcategory, labels=labels)


def shown_first(wildcards):
    """The report's subcategory of a gallery."""
    first = wildcards.condition in run_of(wildcards).galleries
    return "Galleries shown first by the study" if first else "Galleries of the other conditions"
