"""Fill an empty Tryton with a small company. Run by Tryton's own Python, never by ours: seed.py DATABASE CONFIG."""

import sys
from decimal import Decimal
from typing import Any

from proteus import Model, Wizard, config

WORKER, WORKER_PASSWORD = "ai-worker", "worker-4711-secret"

CUSTOMERS = {
    "晨光设计工作室": ("上海市徐汇区漕溪北路 18 号 6 楼", "C001"),
    "海棠咖啡": ("杭州市西湖区文三路 90 号", "C002"),
    "江南小学": ("苏州市姑苏区平江路 5 号", "C003"),
}
PRODUCTS = {"人体工学椅": "1299", "升降桌": "2399", "显示器支架": "269"}

ORDERS: tuple[tuple[str, str, str, dict[str, int]], ...] = (
    ("ORD12345", "shipped", "晨光设计工作室", {"人体工学椅": 4, "升降桌": 4}),
    ("ORD12346", "processing", "海棠咖啡", {"升降桌": 1}),
    ("ORD12347", "draft", "晨光设计工作室", {"显示器支架": 2}),
    ("ORD12348", "confirmed", "江南小学", {"人体工学椅": 30}),
    ("ORD12349", "quotation", "江南小学", {"升降桌": 2}),
    ("ORD12350", "cancelled", "海棠咖啡", {"显示器支架": 1}),
)
"""In the order of their numbers: the system gives them, beginning with the first."""

STEPS = {
    "draft": ("quote", "draft"),
    "cancelled": ("quote", "cancel"),
    "quotation": ("quote",),
    "confirmed": ("quote", "confirm"),
    "processing": ("quote", "confirm", "process"),
    "shipped": ("quote", "confirm", "process"),
}
"""What is clicked for an order to come so far; nobody works off the queue, so a confirmed one stays confirmed."""


def main(database: str, config_file: str) -> None:
    """Fill the database."""
    config.set_trytond(database, config_file=config_file)
    settings = config.get_config()
    company()
    settings._context = Model.get("res.user").get_preferences(True, {})
    customers = {name: customer(name, address, code) for name, (address, code) in CUSTOMERS.items()}
    products = {name: product(name, Decimal(price)) for name, price in PRODUCTS.items()}
    count_from(ORDERS[0][0])
    for number, state, name, quantities in ORDERS:
        order(number, state, customers[name], {products[one]: count for one, count in quantities.items()})
    worker()


def company() -> None:
    """Make the company 华星办公, which counts in yuan."""
    Currency, Party = Model.get("currency.currency"), Model.get("party.party")
    yuan = Currency(name="人民币", code="CNY", numeric_code="156", symbol="¥", rounding=Decimal("0.01"), digits=2)
    yuan.save()
    party = Party(name="华星办公")
    party.save()
    wizard = Wizard("company.company.config")
    wizard.execute("company")
    wizard.form.party, wizard.form.currency = party, yuan
    wizard.execute("add")


def customer(name: str, street: str, code: str) -> Any:
    """Make a customer with one address."""
    party = Model.get("party.party")(name=name, code=code)
    party.addresses[0].street_unstructured = street
    party.save()
    return party


def product(name: str, price: Decimal) -> Any:
    """Make a product that is sold by the piece."""
    Template, Unit = Model.get("product.template"), Model.get("product.uom")
    (piece,) = Unit.find([("symbol", "=", "u")])
    template = Template(name=name, type="goods", default_uom=piece, list_price=price, salable=True, sale_uom=piece)
    template.products[0].code = f"P{price}"
    template.save()
    return template.products[0]


def count_from(number: str) -> None:
    """Let the numbers of orders begin with this one."""
    sequence = Model.get("sale.configuration")(1).sale_sequence
    sequence.prefix, sequence.padding, sequence.number_next = number[:3], len(number) - 3, int(number[3:])
    sequence.save()


def order(number: str, state: str, party: Any, quantities: dict[Any, int]) -> None:
    """Make an order and bring it as far as it is to be."""
    sale = Model.get("sale.sale")(party=party, invoice_method="manual")
    for one, count in quantities.items():
        line = sale.lines.new()
        line.product, line.quantity = one, float(count)
        line.unit_price = one.template.list_price
    sale.save()
    for step in STEPS[state]:
        sale.click(step)
    if state == "shipped":
        (shipment,) = sale.shipments
        for step in ("assign_force", "pick", "pack", "do"):
            shipment.click(step)
        Model.get("sale.sale").process([sale.id], dict(config.get_config().context))
    sale.reload()
    assert (sale.number, sale.state) == (number, "processing" if state == "shipped" else state)


def worker() -> None:
    """Make the account that ai-worker logs in with: it may sell, and nothing else."""
    User, Group = Model.get("res.user"), Model.get("res.group")
    user = User(name="数字员工", login=WORKER, password=WORKER_PASSWORD)
    (company,) = Model.get("company.company").find([])
    user.companies.append(company)
    user.company = company
    user.groups.extend(Group.find([("name", "in", ["Sales", "Stock"])]))
    user.save()


if __name__ == "__main__":
    main(*sys.argv[1:])
