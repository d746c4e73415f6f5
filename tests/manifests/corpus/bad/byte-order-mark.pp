web { "a": ensure = running }
