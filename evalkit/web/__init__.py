"""Addresses and answers of servers, as everything that asks one reads them."""
