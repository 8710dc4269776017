"""The checks of the dashboards find what is wrong: each of these faults is put into a good dashboard."""

import copy
import unittest

import boards
import check_dashboards


def panel(board, kind="timeseries"):
    return next(panel for panel in board["panels"] if panel["type"] == kind)


FAULTS = {
    "a key that Grafana does not know": lambda board: board.update(shcemaVersion=39),
    "an option that the panel does not know": lambda board: panel(board)["options"].update(legends={}),
    "an option of the heatmap that it does not know": lambda board: panel(board, "heatmap")["options"].update(cell=1),
    "a text for a number": lambda board: panel(board)["fieldConfig"]["defaults"]["custom"].update(lineWidth="1"),
    "a word that is none of the choices": lambda board: panel(board)["options"]["legend"].update(placement="left"),
    "a number for a text": lambda board: panel(board)["targets"][0].update(legendFormat=1),
    "a kind of panel that there is not": lambda board: panel(board).update(type="timeserie"),
    "a unit that there is not": lambda board: panel(board)["fieldConfig"]["defaults"].update(unit="sec"),
    "no description": lambda board: panel(board).pop("description"),
    "no legend": lambda board: panel(board)["options"]["legend"].update(showLegend=False),
    "a data source of one's own": lambda board: panel(board)["datasource"].update(uid="mine"),
    "an id twice": lambda board: panel(board).update(id=board["panels"][0]["id"]),
    "a title twice": lambda board: panel(board).update(title=board["panels"][0]["title"]),
    "a panel over another": lambda board: panel(board).update(gridPos=panel(board, "heatmap")["gridPos"]),
    "a variable that there is not": lambda board: panel(board)["targets"][0].update(expr='up{instance="$host"}'),
    "a variable that nobody uses": lambda board: board["templating"]["list"].append(
        {"type": "textbox", "name": "idle", "label": "Idle"}
    ),
}


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        check_dashboards.register_default_plugins()
        cls.good = boards.load(boards.ROOT / "dashboards/grafana/process.json")

    def test_a_good_dashboard_has_none(self):
        self.assertEqual(check_dashboards.problems(self.good), [])

    def test_each_fault_is_found(self):
        for name, put in FAULTS.items():
            with self.subTest(name):
                board = copy.deepcopy(self.good)
                put(board)
                self.assertNotEqual(check_dashboards.problems(board), [])


if __name__ == "__main__":
    unittest.main()
