-- What an ERP keeps of orders: stock, orders, and postings that balance. None of it knows of transactions across systems; its own
-- constraints are what an order can be refused by.
CREATE SCHEMA erp;

CREATE TABLE erp.stock (
  sku  text PRIMARY KEY,
  free integer NOT NULL CONSTRAINT stock_is_not_negative CHECK (free >= 0)
);

-- An agreement counts its orders; the account is the one that its enclaves call with.
CREATE TABLE erp.orders (
  account  text NOT NULL,
  number   bigint NOT NULL,
  sku      text NOT NULL,
  quantity integer NOT NULL CHECK (quantity > 0),
  step     text NOT NULL UNIQUE, -- as the record ledger names it
  CONSTRAINT order_is_known PRIMARY KEY (account, number),
  CONSTRAINT article_exists FOREIGN KEY (sku) REFERENCES erp.stock
);

CREATE TABLE erp.postings (
  account     text NOT NULL,
  number      bigint NOT NULL,
  book        text NOT NULL CHECK (book IN ('receivables', 'revenue')),
  amount      numeric(18, 2) NOT NULL CHECK (amount <> 0),
  PRIMARY KEY (account, number, book),
  FOREIGN KEY (account, number) REFERENCES erp.orders
);

-- Checked when a transaction ends, which for a prepared one is when it is prepared.
CREATE FUNCTION erp.must_balance() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  IF (SELECT sum(amount) FROM erp.postings WHERE account = NEW.account AND number = NEW.number) <> 0 THEN
    RAISE EXCEPTION 'the postings of an order must balance';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER postings_balance AFTER INSERT OR UPDATE ON erp.postings
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION erp.must_balance();

-- Whom the participant logs in as: it books orders, and can do nothing else.
CREATE ROLE erp_participant LOGIN;
GRANT USAGE ON SCHEMA erp TO erp_participant;
GRANT INSERT ON erp.orders, erp.postings TO erp_participant;
GRANT SELECT (sku, free), UPDATE (free) ON erp.stock TO erp_participant;
