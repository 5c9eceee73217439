# Galleries, confusion matrices and curves show the first seed. Graphs of all conditions show every seed.


rule plot_comparison:
    input:
        metrics=each_run("metrics.csv"),
    output:
        **graph("validation_{quantity}", COMPARISON, "{quantity} of all conditions", caption="comparison"),
    log:
        "logs/plot_comparison/{dataset}/{study}/{quantity}.log",
    wildcard_constraints:
        quantity="accuracy|loss",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        figure=comparison_figure,
        code=code("plot_comparison.py"),
    script:
        "../scripts/plot_comparison.py"


rule plot_small_multiples:
    input:
        metrics=each_run("metrics.csv"),
    output:
        **graph(
            "small_multiples_{quantity}", COMPARISON, "{quantity}, a panel per condition", caption="small_multiples"
        ),
    log:
        "logs/plot_small_multiples/{dataset}/{study}/{quantity}.log",
    wildcard_constraints:
        quantity="accuracy|loss",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        figure=comparison_figure,
        code=code("plot_small_multiples.py"),
    script:
        "../scripts/plot_small_multiples.py"


rule plot_effects:
    input:
        effects="results/{dataset}/{study}/effects.csv",
    output:
        **graph("effects", ANSWER, "effect of each factor"),
    log:
        "logs/plot_effects/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        figure=lambda w: {
            "title": f"Effects: {title(w)}",
            "study": study_identity(w),
            "names": condition_names(w),
        },
        code=code("plot_effects.py"),
    script:
        "../scripts/plot_effects.py"


rule plot_published:
    input:
        comparison="results/{dataset}/{study}/published.csv",
    output:
        **graph("published", PUBLISHED, "published and measured"),
    log:
        "logs/plot_published/{dataset}/{study}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        figure=lambda w: {
            "title": f"Published and measured: {title(w)}",
            "study": study_identity(w),
            "named": named_conditions(w),
        },
        code=code("plot_published.py"),
    script:
        "../scripts/plot_published.py"


rule plot_gallery:
    input:
        predictions=first_run("predictions.npz"),
        data="resources/{dataset}.npz",
    output:
        png=picture("{condition}/gallery", MISTAKES, "gallery", shown_first, condition="{condition}"),
    log:
        "logs/plot_gallery/{dataset}/{study}/{condition}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        figure=condition_figure,
        code=code("plot_gallery.py"),
    script:
        "../scripts/plot_gallery.py"


rule plot_confusion:
    input:
        predictions=first_run("predictions.npz"),
        data="resources/{dataset}.npz",
    output:
        png=picture("{condition}/confusion", MISTAKES, "confusion", "Confusion matrices", condition="{condition}"),
    log:
        "logs/plot_confusion/{dataset}/{study}/{condition}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        figure=condition_figure,
        code=code("plot_confusion.py"),
    script:
        "../scripts/plot_confusion.py"


rule plot_curves:
    input:
        metrics=first_run("metrics.csv"),
    output:
        **graph("{condition}/curves", CURVES, "{condition}", caption="curves"),
    log:
        "logs/plot_curves/{dataset}/{study}/{condition}.log",
    localrule: True
    conda:
        "../../envs/normreg.yaml"
    params:
        figure=condition_figure,
        code=code("plot_curves.py"),
    script:
        "../scripts/plot_curves.py"
