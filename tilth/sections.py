"""The tables of `tilth.toml` but for its sources: their keys, defaults and meanings."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from store.curation.settings import CurationSettings, regions_of
from store.rights import DEFAULT_AI_OPERATORS, DEFAULT_FORBIDS, DEFAULT_LICENCES, Act, Permission, RightsPolicy
from tilth.strategy_names import Strategy

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """A table of the file; a key that is not among its fields is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ProjectSection(Section):
    """`[project]`: what the data is, and on what terms it may be published.

    Attributes:
        name: What the dataset is called, at most 50 characters.
        description: What it holds, for the card of a release.
        license: The license of what you publish, as the Hub writes it, such as "CC-BY-4.0"; without it nothing is
            published.
        contact: An address that site owners can write to; the crawler's user agent names it. Without it only
            `localhost` and addresses written as numbers that are not public are crawled.
        language: Two letters; decides which national phone numbers are looked for, and stands in the cards.
        hub: The dataset on the Hub that `tilth publish` goes to unless told otherwise, as "user/name".
    """

    name: str = Field(min_length=1, max_length=50)
    description: str = ""
    license: str | None = None
    contact: str = ""
    language: str = "en"
    hub: str | None = None


class SchemaSection(Section):
    """`[schema]`: what people are asked.

    Attributes:
        kind: What an answer is; "text-classification": one class a text.
        classes: The classes, two or more. One can be added at any time.
        question: What people are asked about each record.
        instructions: What they read before they begin.
        descriptions: By class, a sentence that says what belongs to it.
        renamed: By old name of a class, the class that it is now; renames or merges.
    """

    kind: str = "text-classification"
    classes: list[str]
    question: str = ""
    instructions: str = ""
    descriptions: dict[str, str] = {}
    renamed: dict[str, str] = {}


class StudioSection(Section):
    """`[studio]`: a Label Studio elsewhere; its access token is in LABEL_STUDIO_API_KEY.

    Attributes:
        url: Where it is.
        project_id: A project there to use; one is made unless given.
    """

    url: str
    project_id: int | None = None


class LabelingSection(Section):
    """`[labeling]`: how many people answer.

    Attributes:
        annotators_per_record: So many people answer each record.
        repeat_share: This share of the records is answered by one more person, to measure agreement.
    """

    annotators_per_record: int = Field(1, ge=1)
    repeat_share: Share = 0.0


class CrawlSection(Section):
    """`[crawl]`: how much is fetched at once, and what a page may cost.

    Attributes:
        concurrency: Requests that are under way at once, in all.
        per_host: Requests that are under way at once at one host; one that asks for a delay gets one at a time.
        timeout: Seconds until an answer must be whole.
        max_mb: MiB of an answer, as sent and unpacked.
        extract_seconds: So long one page may be read for its records.
        workers: Processes that read pages; one for each processor unless given.
    """

    concurrency: int = Field(16, ge=1, le=1_000)
    per_host: int = Field(4, ge=1, le=1_000)
    timeout: float = Field(30.0, gt=0, le=3_600, strict=False)
    max_mb: float = Field(10.0, gt=0, le=1_000, strict=False)
    extract_seconds: float = Field(10.0, gt=0, le=600, strict=False)
    workers: int | None = Field(None, ge=1, le=256)


class RoundsSection(Section):
    """`[rounds]`: how many records a round asks about, and which.

    Attributes:
        size: Records that a round gives to training, the control arm among them.
        strategy: How the records of a round are chosen.
        holdout: Records to measure with and never train on, drawn from the first round on until there are so many, at
            most a quarter of the pool a round; rows of an imported test split count.
        control_share: The share of `size` that is drawn at random, to show what choosing saves.
        ask_again: Whether a round asks about labelled records again, in place of new ones, where an answer tells more.
        price_per_answer: What one answer of a person costs, in any currency; then `tilth status` says what more labels
            cost.
        value_per_point: What a point of accuracy, of 100, is worth in the same currency; then it says whether they are
            worth it.
        seed: Of every draw and fit.
    """

    size: int = Field(100, ge=1)
    strategy: Strategy = "auto"
    holdout: int = Field(200, ge=0)
    control_share: Share = 0.1
    price_per_answer: float | None = Field(None, ge=0, strict=False)
    value_per_point: float | None = Field(None, ge=0, strict=False)
    ask_again: bool = True
    seed: int = 0


class TrainingSection(Section):
    """`[training]`: which model is fitted.

    Attributes:
        model: What is fitted, from the cheapest to the dearest: "probe" is a logistic regression on frozen embeddings;
            "propagation" adds what a record's neighbours in the pool are believed to be, "self-training" what the model
            is surest of there, "semi-supervised" both; "lora" and "fine-tune" change the encoder. "auto" takes the one
            that cross-validation prefers, anew at each fit, or lets "fine-tune" speak beside one of the first four.
        encoder: A sentence encoder: its name on the Hub, or its folder.
        warm_start: Where "lora" and "fine-tune" begin: "cold" at the encoder as it is, "head" with the last round's
            linear layer, "weights" with all of its weights, "shrink-perturb" half the way there, with some noise.
        track: Who is told of their losses while they fit; files lie in `runs/`.
    """

    model: Literal["auto", "probe", "propagation", "self-training", "semi-supervised", "lora", "fine-tune"] = "auto"
    encoder: str = "sentence-transformers/all-MiniLM-L6-v2"
    warm_start: Literal["cold", "head", "weights", "shrink-perturb"] = "cold"
    track: Literal["none", "tensorboard", "mlflow"] = "none"


class ForbidsSection(Section):
    """`[rights.forbids]`: by kind of evidence, the earliest act that it forbids, "nothing", "publish", "label" or
    "fetch".

    Attributes:
        noai: Of `noai` and `noml`.
        noimageai: Of `noimageai`.
        tdm-reservation: Of TDMRep.
        aipref: Of `train-ai=n`.
        content-signal: Of `ai-train=no`.
        ai-agents: Of a robots.txt that shuts training agents out.
        noindex: Of `noindex`.
        noarchive: Of `noarchive` and `nocache`.
        nosnippet: Of `nosnippet`.
    """

    noai: Act = DEFAULT_FORBIDS["noai"]
    noimageai: Act = DEFAULT_FORBIDS["noimageai"]
    tdm_reservation: Act = Field(DEFAULT_FORBIDS["tdm-reservation"], alias="tdm-reservation")
    aipref: Act = DEFAULT_FORBIDS["aipref"]
    content_signal: Act = Field(DEFAULT_FORBIDS["content-signal"], alias="content-signal")
    ai_agents: Act = Field(DEFAULT_FORBIDS["ai-agents"], alias="ai-agents")
    noindex: Act = DEFAULT_FORBIDS["noindex"]
    noarchive: Act = DEFAULT_FORBIDS["noarchive"]
    nosnippet: Act = DEFAULT_FORBIDS["nosnippet"]


class PermissionSection(Section):
    """`[rights.permission.SOURCE]`: what somebody who may has allowed, and who said so when.

    Attributes:
        license: The license that was given.
        note: Who gave it, when and how; goes into every release that rests on it.
    """

    license: str = Field(min_length=1)
    note: str = Field(min_length=1)


class RightsSection(Section):
    """`[rights]`: what the evidence that pages carry means for the project.

    Attributes:
        tdmrep: Whether each host is asked for its /.well-known/tdmrep.json, once a day.
        forbids: The table below.
        ai_operators: So many companies whose training agents robots.txt shuts out count as an opt-out from AI.
        publish_only_licensed: Whether only pages are published that bear one of `licenses`.
        licenses: By name, of any version; a name with a version or an address stands for that one alone.
        permission: By source, the table below; lifts what its pages say, except robots.txt.
    """

    tdmrep: bool = True
    forbids: ForbidsSection = ForbidsSection()
    ai_operators: int = Field(DEFAULT_AI_OPERATORS, ge=1)
    publish_only_licensed: bool = False
    licenses: list[str] = list(DEFAULT_LICENCES)
    permission: dict[str, PermissionSection] = {}

    @property
    def policy(self) -> RightsPolicy:
        """All of it as the object that decides."""
        return RightsPolicy(
            forbids=self.forbids.model_dump(by_alias=True),
            ai_operators=self.ai_operators,
            publish_only_licensed=self.publish_only_licensed,
            licences=tuple(self.licenses),
            permissions={name: Permission(one.license, one.note) for name, one in self.permission.items()},
        )


class CurationSection(Section):
    """`[curation]`: what is set aside before people are asked, and what becomes of personal data in a release.

    Attributes:
        languages: Two letters each; texts that are in another language are set aside. Empty: none are.
        min_chars: Texts of fewer characters are set aside.
        max_chars: Texts of more characters are set aside; none unless given.
        min_letters: Texts with a smaller share of letters among the characters that are no spaces are set aside.
        max_repeated_lines: Texts with a larger share of lines that stand in them before are set aside.
        max_boilerplate: Texts with a larger share in lines that many records of their source have are set aside.
        notices: Whether "page not found", cookie banners and the like are set aside.
        phone_regions: Countries, two letters each, whose national phone numbers are looked for; those of the project's
            language unless given.
        pii: "patterns" finds personal data by its form, "presidio" names of people and places too.
        presidio_model: The spaCy model for "presidio", by name or folder.
        pii_in_releases: Whether a release has pseudonyms for personal data, leaves out the row, or keeps it.
    """

    languages: list[str] = []
    min_chars: int = Field(1, ge=0)
    max_chars: int | None = Field(None, ge=1)
    min_letters: Share = 0.0
    max_repeated_lines: Share = 0.5
    max_boilerplate: Share = 0.8
    notices: bool = True
    phone_regions: list[str] | None = None
    pii: Literal["patterns", "presidio"] = "patterns"
    presidio_model: str = "en_core_web_lg"
    pii_in_releases: Literal["pseudonymise", "drop", "keep"] = "pseudonymise"

    def settings(self, language: str) -> CurationSettings:
        """All of it as curation takes it; `language` is the project's."""
        regions = self.phone_regions if self.phone_regions is not None else regions_of(language)
        return CurationSettings(
            languages=tuple(self.languages),
            min_chars=self.min_chars,
            max_chars=self.max_chars,
            min_letters=self.min_letters,
            max_repeated_lines=self.max_repeated_lines,
            max_boilerplate=self.max_boilerplate,
            notices=self.notices,
            phone_regions=tuple(regions),
            presidio_model=self.presidio_model if self.pii == "presidio" else None,
            presidio_language=language,
        )
